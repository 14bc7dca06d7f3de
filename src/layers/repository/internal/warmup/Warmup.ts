/**
 * The first runs of a version, on each of its instances and before anybody else may use one: its warm-up, then its golden
 * requests.
 *
 * Source: model-config §6.4, scheduling §2.6.
 */
import { Clock, Effect, type Scope } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { Instances, LentInstance } from "../../../../services/Executor.ts"
import type { Scheduler } from "../../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"
import type * as Directory from "../Directory.ts"
import * as GoldenRun from "../golden/GoldenRun.ts"
import type { Prepared } from "../PrepareVersion.ts"
import * as VersionSpan from "../VersionSpan.ts"
import * as FirstFailure from "./FirstFailure.ts"
import * as FirstStep from "./FirstStep.ts"
import * as SingleInstance from "./SingleInstance.ts"
import * as WarmupSample from "./WarmupSample.ts"

/** @category models */
export interface Options {
  readonly prepared: Prepared
  readonly instances: Instances
  /** Where the runs count. */
  readonly statistics: ModelStatistics
}

const failed = ({ prepared }: Options, sample: WarmupSample.Sample, reason: string) =>
  new LoadFailed({
    model: prepared.config.name,
    code: "INVALID_ARG",
    message: `failed to run warmup sample '${sample.name}': ${reason}; `
  })

/** The largest batch that the model takes: 1 where it does not batch. */
const maxRows = ({ prepared }: Options) => Math.max(1, prepared.signature.maxBatchSize)

const runOnce = Effect.fnUntraced(function*(
  options: Options,
  lent: LentInstance,
  instance: Instances,
  sample: WarmupSample.Sample
) {
  const { prepared, statistics } = options
  const clock = yield* Clock.Clock
  const begin = clock.monotonicTimeNanosUnsafe()
  const elapsed = () => Number(clock.monotonicTimeNanosUnsafe() - begin)
  const result = yield* Effect.mapError(
    instance.run(sample.inputs, FirstStep.signatureOf(prepared).outputNames),
    (error) => {
      const nanos = elapsed()
      for (let row = 0; row < sample.rows; row++) statistics.failed("BACKEND", nanos)
      return failed(options, sample, FirstFailure.reasonOf(error, lent))
    }
  )
  const request = elapsed()
  const compute = {
    computeInput: result.computeInputNanos,
    computeInfer: result.computeInferNanos,
    computeOutput: result.computeOutputNanos
  }
  statistics.executed(sample.rows, compute)
  for (let row = 0; row < sample.rows; row++) statistics.succeeded(1, { request, queue: 0, ...compute })
  result.release()
})

const warm = Effect.fnUntraced(
  function*(options: Options, lent: LentInstance, samples: ReadonlyArray<WarmupSample.Sample>) {
    const { config } = options.prepared
    const instance = SingleInstance.make(lent)
    for (const sample of samples) {
      if (sample.rows > maxRows(options)) {
        const reason = `batch size ${sample.rows} for '${lent.name}', max allowed is ${maxRows(options)}`
        return yield* failed(options, sample, reason)
      }
      for (let iteration = 1; iteration <= sample.count; iteration++) {
        yield* Effect.logDebug(
          `model '${config.name}' instance ${lent.name} is running warmup sample '${sample.name}' for iteration ${iteration}`
        )
        yield* runOnce(options, lent, instance, sample)
      }
    }
  }
)

/** Every instance at once, until the scope closes: one that was given back might be lent again in the place of another. */
const lendAll = ({ count, lend }: Instances): Effect.Effect<ReadonlyArray<LentInstance>, never, Scope.Scope> =>
  Effect.all(Array.from({ length: count }, () => lend), { concurrency: "unbounded" })

/**
 * Warms every instance up and lets it answer the golden requests, all instances at the same time. To be called before the version
 * has a scheduler; interruption waits for the native calls.
 *
 * Errors: `LoadFailed` for a sample or golden request that cannot be used, whose run fails, or that is answered wrongly.
 *
 * @category validation
 */
export const run = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  void,
  LoadFailed,
  Directory.Services | Scheduler
> {
  const { prepared, statistics } = options
  const samples = yield* WarmupSample.readAll(prepared)
  const golden = yield* GoldenRun.read(prepared)
  if (samples.length === 0 && golden.length === 0) return
  const first = Effect.fnUntraced(function*(lent: LentInstance) {
    yield* warm(options, lent, samples)
    if (golden.length > 0) yield* GoldenRun.verify(prepared, lent, statistics, golden)
  })
  yield* Effect.scoped(Effect.flatMap(
    lendAll(options.instances),
    Effect.forEach(first, { concurrency: "unbounded", discard: true })
  )).pipe(VersionSpan.warmup(prepared.config.name, prepared.version))
})
