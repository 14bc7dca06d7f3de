/** Divides the outputs of a batch among its requests. */
import { Result } from "effect"
import { count, skip } from "../../../schema/BytesElements.ts"
import { Unsupported } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { Job } from "../../../services/Scheduler.ts"
import * as ByteCopy from "../../ByteCopy.ts"
import { elementCount, type OutputRole, product, tensorOf } from "./TensorRole.ts"

/** The parts of one output, one for each job, in order. @category models */
export type Parts = Result.Result<ReadonlyArray<Tensor>, Unsupported>

const tooSmall = (name: string, what: string, needed: number, got: number): Parts =>
  Result.fail(
    new Unsupported({
      message: `failed to split the output tensor '${name}' in responses: expected ${what} of at least ${needed} in ` +
        `model output, got ${got}`
    })
  )

/** Where `count` elements from a position on end. */
const endOf = ({ data }: Tensor, role: OutputRole, start: number, elements: number): number =>
  role.elementSize > 0 ? start + elements * role.elementSize : skip(data, start, elements)

/**
 * The rows of each job. Views where the batch is the outermost dimension that is not 1; copies otherwise. Rows beyond those of
 * the jobs belong to nobody.
 */
const splitRows = (role: OutputRole, tensor: Tensor, jobs: ReadonlyArray<Job>): Parts => {
  const { axis } = role
  const { data, shape } = tensor
  let needed = 0
  for (let i = 0; i < jobs.length; i++) needed += jobs[i]!.batchSize
  const rows = shape[axis] ?? 0
  if (rows < needed) return tooSmall(role.name, "batch size", needed, rows)

  const blocks = product(shape, 0, axis)
  const rowElements = product(shape, axis + 1, shape.length)
  const spans = blocks === 1 ? undefined : spansOf(role, tensor, jobs, blocks, rowElements)
  const { datatype, name } = tensor
  const parts = new Array<Tensor>(jobs.length)
  let at = 0
  let partShape = shape
  for (let i = 0; i < jobs.length; i++) {
    const { batchSize } = jobs[i]!
    // Mostly all have one shape, which is one object then.
    if (partShape[axis] !== batchSize) partShape = shape.with(axis, batchSize)
    if (spans === undefined) {
      const start = at
      at = endOf(tensor, role, start, batchSize * rowElements)
      parts[i] = { name, datatype, shape: partShape, data: viewOf(data, start, at) }
    } else parts[i] = { name, datatype, shape: partShape, data: joined(data, spans[i]!) }
  }
  return Result.succeed(parts)
}

/** As `subarray`, at a third less. */
const viewOf = (data: Uint8Array, start: number, end: number): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset + start, end - start)

interface Span {
  readonly starts: Array<number>
  readonly ends: Array<number>
  byteLength: number
}

/** What lies in several places, copied into one. */
const joined = (data: Uint8Array, { byteLength, ends, starts }: Span): Uint8Array => {
  const target = new Uint8Array(byteLength)
  let at = 0
  for (let i = 0; i < starts.length; i++) at = ByteCopy.part(data, starts[i]!, ends[i]!, target, at)
  return target
}

/** For each job where its rows lie in each block. */
const spansOf = (
  role: OutputRole,
  tensor: Tensor,
  jobs: ReadonlyArray<Job>,
  blocks: number,
  rowElements: number
): ReadonlyArray<Span> => {
  const rows = tensor.shape[role.axis]!
  const spans = jobs.map((): Span => ({ starts: [], ends: [], byteLength: 0 }))
  let at = 0
  for (let block = 0; block < blocks; block++) {
    let left = rows
    for (let i = 0; i < jobs.length; i++) {
      const span = spans[i]!
      span.starts.push(at)
      const end = endOf(tensor, role, at, jobs[i]!.batchSize * rowElements)
      span.ends.push(end)
      span.byteLength += end - at
      at = end
      left -= jobs[i]!.batchSize
    }
    at = endOf(tensor, role, at, left * rowElements)
  }
  return spans
}

/** Each job has as many elements as its input says. */
const splitFlat = (role: OutputRole, tensor: Tensor, jobs: ReadonlyArray<Job>): Parts => {
  const shapes = jobs.map((job) => {
    const source = role.source === undefined ? undefined : tensorOf(job, role.source)
    return role.shape.map((dim, index) => dim === -1 ? source?.shape[index] ?? 0 : dim)
  })
  const needed = shapes.reduce((sum, shape) => sum + elementCount(shape), 0)
  const { data } = tensor
  const got = role.elementSize > 0 ? data.byteLength / role.elementSize : count(data)
  if (got < needed) return tooSmall(role.name, "element count", needed, got)
  let at = 0
  return Result.succeed(shapes.map((shape) => {
    const start = at
    at = endOf(tensor, role, start, elementCount(shape))
    return { ...tensor, shape, data: data.subarray(start, at) }
  }))
}

/** @category getters */
export const split = (role: OutputRole, tensor: Tensor, jobs: ReadonlyArray<Job>): Parts =>
  role.kind === "rows"
    ? splitRows(role, tensor, jobs)
    : role.kind === "flat"
    ? splitFlat(role, tensor, jobs)
    : Result.succeed(jobs.map(() => tensor))
