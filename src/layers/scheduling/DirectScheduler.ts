/**
 * The scheduler of models without a batcher: requests run one by one, in the order of their arrival, each on whichever instance is
 * idle.
 *
 * A request that finds an idle instance starts in its caller's fiber at once. Otherwise it waits in line, and the end of a run
 * starts the head of the line: no fiber, no timer and no queue turn for a request.
 */
import { Effect, Exit, Layer, type Scope } from "effect"
import * as InstanceParameters from "../../schema/InstanceParameters.ts"
import type { Job } from "../../services/Scheduler.ts"
import { type ModelScheduler, type QueueOptions, Scheduler } from "../../services/Scheduler.ts"
import type { TensorMemory } from "../../services/TensorMemory.ts"
import * as BatchLayout from "./internal/BatchLayout.ts"
import { isLate } from "./internal/Lateness.ts"
import * as QueueCore from "./internal/QueueCore.ts"
import * as Together from "./internal/Together.ts"

/** @category models */
export interface Options {
  /** Requests of one version that may wait for an instance; beyond it they are refused with `QueueFull`. Default: 16384. */
  readonly maxQueueSize?: number
  /** Where inputs are put together that a model does not take as they come: ragged ones, and those of `batch_input`. */
  readonly memory?: TensorMemory["Service"]
}

const nothing = () => {}

/** A request as it is: its tensors in, the whole result out. */
const alone = ([job]: ReadonlyArray<Job>): QueueCore.Prepared => ({
  inputs: job!.inputs,
  outputs: job!.outputs,
  rows: job!.batchSize,
  release: nothing,
  share: (result) => [Exit.succeed(result)]
})

/** The queue of one version. @category constructors */
export const open = (
  version: QueueOptions,
  options: Options = {}
): Effect.Effect<ModelScheduler, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { config, instances, statistics } = version
    const layout = options.memory === undefined ? undefined : BatchLayout.make({ ...version, memory: options.memory })
    const prepare = layout === undefined || layout.passesAlone ? alone : Together.prepare(layout)
    let serving = false

    /**
     * A lane takes one more, at once or behind the run that it has: an instance that had to ask for its next run would stand still
     * until this thread has come to it. Where lanes wait for their turn, as many ask for it as there are requests.
     */
    const accepts = () => {
      const { lanes, queue } = core
      if (lanes.accepts() || lanes.acceptsAhead()) return true
      lanes.want(queue.length)
      return lanes.takesTurns() && lanes.accepts()
    }

    /** The head of the line; those before it that are too late make way, the last one never. */
    const next = () => {
      let head = core.queue.head!
      const soonest = core.soonest()
      while (isLate(head, soonest) && core.queue.length > 1) {
        core.drop(head)
        head = core.queue.head!
      }
      return head
    }

    /** Starts the head of the line where a lane takes more. A run that ends at once comes back here: the loop takes care of it. */
    const serve = () => {
      if (serving) return
      serving = true
      core.refresh()
      while (core.queue.length > 0 && accepts()) core.launch([next()], prepare)
      if (core.queue.length === 0) core.lanes.want(0)
      serving = false
    }

    const core = yield* QueueCore.make({
      model: config.name,
      batching: undefined,
      maxQueueSize: options.maxQueueSize ?? 16_384,
      maxRows: 0,
      instances,
      retries: InstanceParameters.retries(config),
      statistics,
      keyOf: nothing,
      onArrival: serve,
      onFull: nothing,
      onChange: serve
    })
    return { submit: core.submit, depth: core.depth, oldestNanos: core.oldestNanos }
  })

/** Arrival order, with default options. @category layers */
export const layer: Layer.Layer<Scheduler> = Layer.succeed(Scheduler, { open: (version) => open(version) })

/** Arrival order. @category layers */
export const layerWith = (options: Options): Layer.Layer<Scheduler> =>
  Layer.succeed(Scheduler, { open: (version) => open(version, options) })
