/** Divides the inputs of a step into parts, one request each. Nothing is copied. */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import * as BytesElements from "../../../schema/BytesElements.ts"
import { byteSize } from "../../../schema/DataType.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import { elementCount, show } from "../../../schema/Shape.ts"
import * as Values from "../../../schema/Tensor.ts"
import type { EnsemblePlan, PlannedStep } from "../EnsemblePlan.ts"

/** An input in parts. @category models */
export interface Divided {
  readonly tensors: ReadonlyArray<Tensor>
  /** The dimension of each part that is a batch of one. */
  readonly axis: number
}

/** For each input of a step its parts; `undefined` for one that every request gets as it is. @category models */
export interface Division {
  readonly parts: number
  readonly inputs: ReadonlyArray<Divided | undefined>
}

/** Where elements of a tensor end that begin at a byte of it. */
const endOf = ({ data, datatype }: Tensor, start: number, elements: number): number => {
  const size = byteSize(datatype)
  return size > 0 ? start + elements * size : BytesElements.skip(data, start, elements)
}

const rowsOf = (tensor: Tensor): Divided | string => {
  const { shape } = tensor
  if (shape.length === 0) return `tensor '${tensor.name}' is divided into rows, but has no dimension`
  const rowShape = shape.with(0, 1)
  const elements = elementCount(rowShape)
  const tensors: Array<Tensor> = []
  for (let row = 0, at = 0; row < shape[0]!; row++) {
    const start = at
    at = endOf(tensor, start, elements)
    tensors.push({ ...tensor, shape: rowShape, data: tensor.data.subarray(start, at) })
  }
  return { tensors, axis: 0 }
}

/** The shape of each part. */
const shapesIn = (shapes: Tensor): ReadonlyArray<ReadonlyArray<number>> | string => {
  const { datatype, name, shape } = shapes
  if (datatype !== "INT64" || shape.length !== 2) {
    return `tensor '${name}' tells the shapes of parts: expected INT64 of the shape [parts,rank], got ${datatype} of ${
      show(shape)
    }`
  }
  const values = Values.values(shapes, "INT64")
  const rank = shape[1]!
  const all: Array<ReadonlyArray<number>> = []
  for (let part = 0; part < shape[0]!; part++) {
    const dims = Array.from(values.subarray(part * rank, (part + 1) * rank), Number)
    if (dims.some((dim) => dim < 0 || !Number.isSafeInteger(dim))) {
      return `tensor '${name}' tells the shape ${show(dims)} of part ${part}, which is none`
    }
    all.push(dims)
  }
  return all
}

const piecesOf = (tensor: Tensor, shapesTensor: Tensor): Divided | string => {
  const shapes = shapesIn(shapesTensor)
  if (typeof shapes === "string") return shapes
  const size = byteSize(tensor.datatype)
  const got = size > 0 ? tensor.data.byteLength / size : BytesElements.count(tensor.data)
  const needed = shapes.reduce((sum, shape) => sum + elementCount(shape), 0)
  if (needed !== got) {
    return `tensor '${tensor.name}' has ${got} elements, but the shapes in '${shapesTensor.name}' make ${needed}`
  }
  let at = 0
  return {
    tensors: shapes.map((shape) => {
      const start = at
      at = endOf(tensor, start, elementCount(shape))
      return { ...tensor, shape, data: tensor.data.subarray(start, at) }
    }),
    axis: BatchAxis.none
  }
}

/**
 * The parts of a step's inputs. `valueOf` gives an ensemble tensor under its name in the ensemble, `undefined` where it is absent.
 *
 * Fails with a sentence about what cannot be divided, or brings more parts than the step takes.
 *
 * @category constructors
 */
export const divide = (
  plan: EnsemblePlan,
  step: PlannedStep,
  valueOf: (tensor: number) => Tensor | undefined
): Result.Result<Division, string> => {
  let parts = -1
  let first = ""
  const inputs: Array<Divided | undefined> = []
  for (const { divided, shapes, tensor } of step.inputs) {
    if (!divided) {
      inputs.push(undefined)
      continue
    }
    const name = plan.tensors[tensor]!
    const whole = valueOf(tensor)
    if (whole === undefined) return Result.fail(`tensor '${name}' is to be divided into parts, but is absent`)
    const count = shapes === -1 ? undefined : valueOf(shapes)
    if (shapes !== -1 && count === undefined) {
      return Result.fail(`tensor '${plan.tensors[shapes]}' is to tell the shapes of parts, but is absent`)
    }
    const asked = (count ?? whole).shape[0] ?? 0
    if (asked > step.maxParts) {
      return Result.fail(
        `tensor '${name}' has ${asked} parts, but the step takes at most ${step.maxParts} for one request: raise ` +
          `'galatea.max_fan_out.${step.index}' where more are meant`
      )
    }
    const found = count === undefined ? rowsOf(whole) : piecesOf(whole, count)
    if (typeof found === "string") return Result.fail(found)
    if (parts !== -1 && found.tensors.length !== parts) {
      return Result.fail(
        `tensors '${first}' and '${name}' are to be divided alike, but have ${parts} and ${found.tensors.length} parts`
      )
    }
    parts = found.tensors.length
    first = name
    inputs.push(found)
  }
  return Result.succeed({ parts, inputs })
}
