/**
 * Requests of more rows than a model takes at once: split, run like requests of several callers, and joined again.
 *
 * Only for models whose tensors are stacked along a dimension; ragged inputs and scattered outputs stay whole.
 */
import { Effect, Result } from "effect"
import type { Unsupported } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import {
  type Job,
  type JobFailure,
  type JobResult,
  type ModelScheduler,
  type QueueOptions,
  submitTraced
} from "../../../services/Scheduler.ts"
import type { TensorMemory } from "../../../services/TensorMemory.ts"
import * as InputStack from "./InputStack.ts"
import * as OutputSplit from "./OutputSplit.ts"
import * as TensorRole from "./TensorRole.ts"

/** The jobs of at most `maxRows` rows that make up a larger one. Their tensors are views of its own where that is possible. */
const split = (
  job: Job,
  maxRows: number,
  roles: ReadonlyArray<TensorRole.InputRole>
): Result.Result<ReadonlyArray<Job>, Unsupported> => {
  const parts: Array<{ readonly inputs: Array<Tensor> } & Job> = []
  for (let left = job.batchSize; left > 0; left -= maxRows) {
    parts.push({ ...job, inputs: [], batchSize: Math.min(left, maxRows) })
  }
  for (const role of roles) {
    const tensor = TensorRole.tensorOf(job, role)
    if (tensor === undefined) continue
    const { axis, elementSize, name } = role
    const kind = role.kind === "rows" ? "rows" : "shared"
    const found = OutputSplit.split({ name, elementSize, kind, axis, shape: [], source: undefined }, tensor, parts)
    if (Result.isFailure(found)) return Result.fail(found.failure)
    found.success.forEach((part, i) => parts[i]!.inputs.push(part))
  }
  return Result.succeed(parts)
}

const sum = (results: ReadonlyArray<JobResult>, of: (result: JobResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0)

/** One result of all parts; theirs are freed. */
const join = (
  results: ReadonlyArray<JobResult>,
  names: ReadonlyArray<string>,
  roles: ReadonlyMap<string, TensorRole.OutputRole>,
  memory: TensorMemory["Service"]
): JobResult => {
  const asInputs = names.map((name, index): TensorRole.InputRole => {
    const { axis, elementSize, kind } = roles.get(name)!
    const { datatype } = results[0]!.outputs[index]!
    return { name, datatype, elementSize, index, kind: kind === "rows" ? "rows" : "shared", axis, variable: false }
  })
  const jobs = results.map(({ outputs }): Job => ({
    inputs: outputs,
    outputs: [],
    batchSize: 1,
    priority: 0,
    timeoutMicros: 0,
    deadlineMicros: 0
  }))
  const stacked = InputStack.stack(memory, asInputs, [], jobs)
  const byName = new Map(stacked.inputs.map((tensor) => [tensor.name, tensor]))
  const whole = asInputs.every(({ kind }) => kind === "rows")
  const releaseParts = () => results.forEach((result) => result.release())
  // What is shared is still the first part's.
  if (whole) releaseParts()
  return {
    outputs: names.map((name) => byName.get(name)!),
    begunAtNanos: Math.min(...results.map((result) => result.begunAtNanos)),
    computeInputNanos: sum(results, (result) => result.computeInputNanos),
    computeInferNanos: sum(results, (result) => result.computeInferNanos),
    computeOutputNanos: sum(results, (result) => result.computeOutputNanos),
    queueNanos: Math.max(...results.map((result) => result.queueNanos)),
    batchRows: Math.max(...results.map((result) => result.batchRows)),
    release: () => {
      stacked.release()
      if (!whole) releaseParts()
    }
  }
}

/**
 * The same queue, which also takes requests of more rows than the model; itself where the model cannot be split.
 *
 * @category combinators
 */
export const wrap = (
  scheduler: ModelScheduler,
  { config, signature, version }: QueueOptions,
  memory: TensorMemory["Service"]
): ModelScheduler => {
  const maxRows = config.max_batch_size
  const inputs = TensorRole.inputs(config, signature)
  const outputs = new Map(TensorRole.outputs(config, signature, inputs).map((role) => [role.name, role] as const))
  const divisible = maxRows > 0 && config.batch_input.length === 0 &&
    inputs.every(({ kind }) => kind !== "ragged") && [...outputs.values()].every(({ kind }) => kind !== "flat")
  if (!divisible) return scheduler

  /** What is noted of a part lies under what is noted of the whole. */
  const submitPart = (part: Job): Effect.Effect<JobResult, JobFailure> =>
    submitTraced(
      scheduler,
      part.trace === undefined ? part : {
        ...part,
        trace: part.trace.model({
          model: config.name,
          version,
          requestId: part.request?.id ?? "",
          sequenceId: undefined
        })
      }
    )

  const submitParts = (job: Job): Effect.Effect<JobResult, JobFailure> =>
    Effect.flatMap(Effect.fromResult(split(job, maxRows, inputs)), (parts) => {
      const results: Array<JobResult> = []
      return Effect.forEach(
        parts,
        (part) => Effect.tap(submitPart(part), (result) => Effect.sync(() => results.push(result))),
        { concurrency: "unbounded" }
      ).pipe(
        Effect.map((all) => join(all, job.outputs, outputs, memory)),
        Effect.onError(() => Effect.sync(() => results.forEach((result) => result.release())))
      )
    })

  return {
    ...scheduler,
    submit: (job) => job.batchSize <= maxRows ? scheduler.submit(job) : submitParts(job),
    splits: true
  }
}
