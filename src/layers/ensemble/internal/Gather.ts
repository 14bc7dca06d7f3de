/** Puts what a step answered to its parts together. */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { SignatureTensor } from "../../../schema/ModelSignature.ts"
import { elementCount, show } from "../../../schema/Shape.ts"
import * as Values from "../../../schema/Tensor.ts"
import * as ByteCopy from "../../ByteCopy.ts"

/** @category models */
export interface Gathered {
  readonly tensor: Tensor
  /** The shapes of the parts, where they were asked for. */
  readonly shapes: Tensor | undefined
}

/** What is gathered: an output of a step under the names of the ensemble. @category models */
export interface Target {
  readonly tensor: string
  /** Where the shapes go; absent: the parts are put together as rows. */
  readonly shapes: string | undefined
  /** The output as its model declares it. */
  readonly spec: SignatureTensor
}

const bytesOf = (parts: ReadonlyArray<Tensor>): Uint8Array => {
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.data.byteLength, 0))
  let at = 0
  for (const part of parts) at = ByteCopy.whole(part.data, data, at)
  return data
}

const sameFrom = (a: ReadonlyArray<number>, b: ReadonlyArray<number>, from: number): boolean => {
  if (a.length !== b.length) return false
  for (let i = from; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A scalar is a row of one. */
const asRow = (shape: ReadonlyArray<number>): ReadonlyArray<number> => shape.length === 0 ? [1] : shape

const rows = (
  { spec, tensor: name }: Target,
  parts: ReadonlyArray<Tensor>
): Result.Result<Gathered, string> => {
  if (parts.length === 0) {
    const shape = asRow(spec.shape).with(0, 0)
    return shape.includes(-1)
      ? Result.fail(
        `tensor '${name}' is gathered from no parts, and the shape ${
          show(spec.shape)
        } of output '${spec.name}' does not tell ` +
          `what that comes to: gather it with its shapes, '${name}@‹shapes›'`
      )
      : Result.succeed({
        tensor: { name, datatype: spec.datatype, shape, data: new Uint8Array(0) },
        shapes: undefined
      })
  }
  const first = asRow(parts[0]!.shape)
  let count = 0
  for (let i = 0; i < parts.length; i++) {
    const shape = asRow(parts[i]!.shape)
    if (!sameFrom(shape, first, 1)) {
      return Result.fail(
        `tensor '${name}' is gathered from parts of different shapes, ${show(parts[0]!.shape)} of part 0 and ` +
          `${show(parts[i]!.shape)} of part ${i}, which do not make rows: gather it with its shapes, '${name}@‹shapes›'`
      )
    }
    count += shape[0]!
  }
  return Result.succeed({
    tensor: { name, datatype: parts[0]!.datatype, shape: first.with(0, count), data: bytesOf(parts) },
    shapes: undefined
  })
}

const flat = (
  { spec, tensor: name }: Target,
  shapesName: string,
  parts: ReadonlyArray<Tensor>
): Result.Result<Gathered, string> => {
  const { batchAxis } = spec
  const shapes = parts.map(({ shape }) =>
    batchAxis !== BatchAxis.none && shape[batchAxis] === 1 ? BatchAxis.remove(shape, batchAxis) : shape
  )
  const rank = shapes[0]?.length ?? spec.dims.length
  const odd = shapes.findIndex((shape) => shape.length !== rank)
  if (odd !== -1) {
    return Result.fail(
      `tensor '${name}' is gathered from parts of different ranks, ${show(shapes[0]!)} of part 0 and ${
        show(shapes[odd]!)
      } of ` +
        `part ${odd}, whose shapes do not fit into '${shapesName}'`
    )
  }
  const elements = shapes.reduce((sum, shape) => sum + elementCount(shape), 0)
  return Result.succeed({
    tensor: { name, datatype: parts[0]?.datatype ?? spec.datatype, shape: [elements], data: bytesOf(parts) },
    shapes: Values.from(
      shapesName,
      [shapes.length, rank],
      BigInt64Array.from(shapes.flat(), BigInt)
    )
  })
}

/**
 * One tensor of all parts, in memory of its own: rows one after another along the first dimension, or flat with their shapes beside it.
 * Fails with a sentence where the parts do not go together.
 *
 * @category constructors
 */
export const gather = (target: Target, parts: ReadonlyArray<Tensor>): Result.Result<Gathered, string> =>
  target.shapes === undefined ? rows(target, parts) : flat(target, target.shapes, parts)
