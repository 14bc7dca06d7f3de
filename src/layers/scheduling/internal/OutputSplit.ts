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
  const shapes = jobs.map((job) => shape.with(axis, job.batchSize))
  if (blocks === 1) {
    let at = 0
    return Result.succeed(jobs.map((job, i) => {
      const start = at
      at = endOf(tensor, role, start, job.batchSize * rowElements)
      return { ...tensor, shape: shapes[i]!, data: data.subarray(start, at) }
    }))
  }
  const spans = spansOf(role, tensor, jobs, blocks, rowElements)
  return Result.succeed(spans.map(({ byteLength, ends, starts }, i) => {
    const target = new Uint8Array(byteLength)
    let at = 0
    for (let block = 0; block < blocks; block++) at = ByteCopy.part(data, starts[block]!, ends[block]!, target, at)
    return { ...tensor, shape: shapes[i]!, data: target }
  }))
}

/** For each job where its rows lie in each block. */
const spansOf = (
  role: OutputRole,
  tensor: Tensor,
  jobs: ReadonlyArray<Job>,
  blocks: number,
  rowElements: number
) => {
  const rows = tensor.shape[role.axis]!
  const spans = jobs.map(() => ({ starts: [] as Array<number>, ends: [] as Array<number>, byteLength: 0 }))
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
