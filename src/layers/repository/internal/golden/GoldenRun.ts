/** Runs golden requests through one instance of a version and compares the answers. */
import { Effect } from "effect"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import * as InstanceParameters from "../../../../schema/InstanceParameters.ts"
import { show } from "../../../../schema/Shape.ts"
import type { LentInstance } from "../../../../services/Executor.ts"
import { Scheduler } from "../../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"
import type * as Directory from "../Directory.ts"
import type { Prepared } from "../PrepareVersion.ts"
import * as FirstFailure from "../warmup/FirstFailure.ts"
import * as FirstStep from "../warmup/FirstStep.ts"
import * as SingleInstance from "../warmup/SingleInstance.ts"
import * as Comparison from "./Comparison.ts"
import * as GoldenFile from "./GoldenFile.ts"
import * as GoldenJob from "./GoldenJob.ts"

/**
 * The golden requests of a version, none where it has none.
 *
 * Errors: `LoadFailed` for a file that cannot be read, is not as expected, or does not fit the model.
 *
 * @category constructors
 */
export const read = Effect.fnUntraced(function*(
  { bare, config, directory, signature, version }: Prepared
): Effect.fn.Return<
  ReadonlyArray<GoldenJob.GoldenJob>,
  LoadFailed,
  Directory.Services
> {
  if (bare) return []
  const options = { model: config.name, version, directory }
  const files = yield* GoldenFile.readAll(options)
  return yield* Effect.forEach(files, (file) =>
    Effect.mapError(
      Effect.fromResult(GoldenJob.make(file, signature)),
      (message) => GoldenFile.failed(options, file.name, message)
    ))
})

/** What is wrong with an output, as the end of a sentence that names it. */
const problemOf = ({ shape, tensor, tolerance }: GoldenJob.Expected, got: Tensor): string | undefined => {
  if (show(got.shape) !== show(tensor.shape)) {
    return `has the shape ${show(got.shape)}, expected ${show(tensor.shape)}${
      show(shape) === show(tensor.shape) ? "" : `, which is ${show(shape)} before 'reshape'`
    }`
  }
  const difference = Comparison.compare(tensor, got, tolerance)
  if (difference === undefined) return undefined
  const { count, expected, got: shown, index, total } = difference
  const allowed = Comparison.describe(tensor.datatype, tolerance)
  return `differs first at element ${index}: expected ${expected}, got ${shown}, ${allowed}; ${count} of ${total} elements differ`
}

const unobserved = (statistics: ModelStatistics): ModelStatistics => ({
  model: statistics.model,
  version: statistics.version,
  // The scheduler of the version is the one to be asked.
  observe: () => {},
  refused: (reason) => statistics.refused(reason),
  answered: (requests, run, endedAtNanos) => statistics.answered(requests, run, endedAtNanos),
  succeeded: (rows, times) => statistics.succeeded(rows, times),
  failed: (reason, nanos) => statistics.failed(reason, nanos),
  executed: (rows, times) => statistics.executed(rows, times),
  retried: (requests) => statistics.retried(requests),
  shadowed: (outcome, apart) => statistics.shadowed(outcome, apart),
  cacheHit: (times) => statistics.cacheHit(times),
  cacheMiss: (nanos) => statistics.cacheMiss(nanos),
  counts: () => statistics.counts()
})

/**
 * Lets one instance answer golden requests, one after the other, each as a request by itself.
 *
 * Errors: `LoadFailed` for the first that fails or is answered otherwise than expected.
 *
 * @category validation
 */
export const verify = Effect.fnUntraced(function*(
  prepared: Prepared,
  lent: LentInstance,
  statistics: ModelStatistics,
  jobs: ReadonlyArray<GoldenJob.GoldenJob>
): Effect.fn.Return<void, LoadFailed, Scheduler> {
  const schedulers = yield* Scheduler
  const { config, plan, version } = prepared
  yield* Effect.scoped(Effect.gen(function*() {
    const scheduler = yield* schedulers.open({
      // Nobody else is there to be waited for, each request is a sequence of its own, and no other instance could run one again.
      config: {
        ...config,
        dynamic_batching: undefined,
        sequence_batching: undefined,
        parameters: { ...config.parameters, [InstanceParameters.names.retry]: { string_value: "false" } }
      },
      version,
      plan: { ...plan, instances: plan.instances.filter(({ name }) => name === lent.name).slice(0, 1) },
      signature: FirstStep.signatureOf(prepared),
      instances: SingleInstance.make(lent),
      statistics: unobserved(statistics)
    })
    for (const { expected, job, name } of jobs) {
      const fault = (message: string) =>
        GoldenFile.failed({ model: config.name, version }, name, `${message}, from instance '${lent.name}'`)
      const { outputs, release } = yield* Effect.mapError(
        scheduler.submit({ ...job, inputs: [...job.inputs, ...FirstStep.tensors(prepared, job.batchSize)] }),
        (error) => fault(`the run failed: ${FirstFailure.reasonOf(error, lent)}`)
      )
      let problem: string | undefined
      for (let i = 0; i < expected.length && problem === undefined; i++) {
        const found = problemOf(expected[i]!, outputs[i]!)
        if (found !== undefined) problem = `output '${outputs[i]!.name}' ${found}`
      }
      release()
      if (problem !== undefined) return yield* fault(problem)
    }
  }))
})
