/**
 * The scheduler of an ensemble: a request to it becomes requests to the models of its steps, which go the way of any other.
 *
 * Source: scheduling §5.
 */
import { Cause, Clock, Effect, Exit, Latch, type Scope } from "effect"
import * as BatchAxis from "../../schema/BatchAxis.ts"
import { LoadFailed, Stopping } from "../../schema/Errors.ts"
import type { ModelConfig } from "../../schema/ModelConfig.ts"
import type { ModelSignature } from "../../schema/ModelSignature.ts"
import type { Lookup } from "../../services/ModelRepository.ts"
import type { Job, JobFailure, JobResult, ModelScheduler } from "../../services/Scheduler.ts"
import type { ModelStatistics } from "../../services/Statistics.ts"
import * as EnsemblePlan from "./EnsemblePlan.ts"
import type { Ensemble } from "./internal/Ensemble.ts"
import { EnsembleRun } from "./internal/EnsembleRun.ts"
import { InFlight } from "./internal/InFlight.ts"
import * as Selection from "./internal/Selection.ts"

/** The version of an ensemble whose scheduler is opened. @category models */
export interface Options {
  readonly config: ModelConfig
  readonly version: number
  readonly signature: ModelSignature
  readonly statistics: ModelStatistics
  /** As `ModelRepository.lookup`, which a step with version -1 asks with `""`. */
  readonly lookup: (name: string, version: string) => Lookup
  /** Requests that may wait for one step, where `max_inflight_requests` makes them. Default: 16384. */
  readonly maxQueueSize?: number
}

const defaultMaxQueueSize = 16384

const ensembleOf = (
  { lookup, maxQueueSize, signature }: Options,
  plan: EnsemblePlan.EnsemblePlan,
  now: () => number,
  conflicting: Ensemble["conflicting"]
): Ensemble => ({
  plan,
  lookup,
  axes: new Map(signature.inputs.map(({ batchAxis, modelShape, name }) => [name, axisIn(modelShape, batchAxis)])),
  places: new Map(
    signature.outputs.map(({ batchAxis, modelShape, name }) => {
      const axis = axisIn(modelShape, batchAxis)
      return [plan.outputs.get(name)!, { batchAxis: axis, dims: BatchAxis.remove(modelShape, axis) }]
    })
  ),
  tasks: plan.steps.map((step) => ({ step, part: 0, division: undefined })),
  inFlight: plan.maxInflight === 0 ? undefined : plan.steps.map(() => new InFlight(plan.maxInflight)),
  maxQueueSize: maxQueueSize ?? defaultMaxQueueSize,
  now,
  conflicting
})

/** A scalar has no dimension for the batch. */
const axisIn = (modelShape: ReadonlyArray<number>, batchAxis: number): number =>
  modelShape.length === 0 ? BatchAxis.none : batchAxis

/**
 * Opens the scheduler of an ensemble whose config was checked. Its scope refuses new requests (`Stopping`), then waits for those
 * accepted; the models of its steps must take requests until then.
 *
 * Errors: `LoadFailed` where the config is none of an ensemble, or parameters of its steps are wrong.
 *
 * @category constructors
 */
export const open = (options: Options): Effect.Effect<ModelScheduler, LoadFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { config: { ensemble_scheduling: scheduling, name }, signature, statistics } = options
    const refuse = (message: string) => new LoadFailed({ model: name, code: "INVALID_ARG", message })
    if (scheduling === undefined) {
      return yield* refuse(`ensemble scheduling must be set for ensemble ${name} whose platform is ensemble`)
    }
    const plan = yield* Effect.mapError(Effect.fromResult(EnsemblePlan.make(options.config, scheduling)), refuse)
    if (plan.maxInflight > 0) {
      yield* Effect.logInfo(`Ensemble model '${name}' configured with max_inflight_requests: ${plan.maxInflight}`)
    }
    const clock = yield* Clock.Clock
    const drained = yield* Latch.make(true)
    const now = () => Number(clock.monotonicTimeNanosUnsafe())
    /** Told once, with the next answer. */
    let conflict: string | undefined
    let isConflictTold = false
    const ensemble = ensembleOf(options, plan, now, (step) => {
      conflict ??=
        `in ensemble '${name}', answers that ${EnsemblePlan.showStep(step)}, reads belong to different sequences: it ` +
        "belongs to that of the first (not told again)"
    })
    const select = Selection.kept(plan, signature.outputNames)
    /** Accepted requests that have no answer yet. */
    let present = 0
    let closing = false

    const enter = (run: EnsembleRun): Effect.Effect<JobResult, JobFailure> => {
      run.entered = true
      if (present++ === 0) drained.closeUnsafe()
      return run.begin()
    }

    const leave = (run: EnsembleRun, exit: Exit.Exit<JobResult, JobFailure>): Effect.Effect<void> => {
      const request = Math.max(0, now() - run.arrivedAt)
      if (Exit.isSuccess(exit)) {
        const { batchSize } = run.job
        const compute = {
          computeInput: exit.value.computeInputNanos,
          computeInfer: exit.value.computeInferNanos,
          computeOutput: exit.value.computeOutputNanos
        }
        statistics.executed(batchSize, compute)
        statistics.succeeded(batchSize, { request, queue: 0, ...compute }, run.job.trace?.context)
      } else statistics.failed(Cause.hasInterruptsOnly(exit.cause) ? "CANCELED" : "OTHER", request)
      if (run.entered && --present === 0) drained.openUnsafe()
      if (conflict === undefined || isConflictTold) return Effect.void
      isConflictTold = true
      return Effect.logWarning(conflict)
    }

    const submit = (job: Job): Effect.Effect<JobResult, JobFailure> =>
      Effect.suspend(() => {
        if (closing) {
          statistics.refused("stopping")
          return Effect.fail(new Stopping({ message: `model '${name}' is being unloaded` }))
        }
        const run = new EnsembleRun(ensemble, select(job.outputs), job, now())
        const { trace } = job
        if (trace !== undefined) {
          trace.queued(run.arrivedAt)
          if (trace.wantsTensors) trace.tensors("TENSOR_QUEUE_INPUT", job.inputs)
        }
        // Nothing may be waited for that an interruption at this point would leave behind: it enters inside.
        return Effect.onExit(Effect.suspend(() => enter(run)), (exit) => {
          const ending = run.end(exit)
          return ending === undefined
            ? leave(run, exit)
            : Effect.andThen(ending, Effect.suspend(() => leave(run, exit)))
        })
      })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closing = true
        return drained.await
      })
    )
    const depth = () => ({ waiting: 0, running: present })
    statistics.observe(depth)
    return { submit, depth }
  })
