/** Tensors between models of which one batches and the other does not. Source: scheduling §5.2. */
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import { matches } from "../../../schema/Shape.ts"

/** Where a tensor goes. @category models */
export interface Place {
  /** The dimension that carries the batch, `BatchAxis.none` where none does. */
  readonly batchAxis: number
  /** Its shape without that dimension. */
  readonly dims: ReadonlyArray<number>
}

/**
 * The shape that a tensor takes where it goes; its bytes stay as they are. A batch of one is put in, taken out or moved, where that
 * is what makes it fit; all else is left for its reader to judge.
 *
 * @category combinators
 */
export const shapeAt = (
  shape: ReadonlyArray<number>,
  axis: number,
  { batchAxis, dims }: Place
): ReadonlyArray<number> => {
  if (axis === batchAxis) return shape
  if (axis === BatchAxis.none) return matches(shape, dims) ? BatchAxis.insert(shape, batchAxis, 1) : shape
  if (batchAxis === BatchAxis.none && matches(shape, dims)) return shape
  return shape[axis] === 1 ? BatchAxis.insert(BatchAxis.remove(shape, axis), batchAxis, 1) : shape
}

/** The tensor under the name that it has where it goes. Nothing is copied. @category combinators */
export const fit = (tensor: Tensor, axis: number, name: string, place: Place | undefined): Tensor => ({
  name,
  datatype: tensor.datatype,
  shape: place === undefined ? tensor.shape : shapeAt(tensor.shape, axis, place),
  data: tensor.data
})
