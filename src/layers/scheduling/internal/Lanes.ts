/**
 * The execution instances that are lent to one scheduler, for as long as it is open.
 *
 * Each lane is a fiber that holds a permit and an instance of the pool until the instance is lost or the scheduler closes. What
 * happens for a request is plain function calls: an idle lane is taken, and says when it is idle again.
 */
import { Effect, type Exit, type Scope } from "effect"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ExecutionResult, Instances, LentInstance, RunFailure } from "../../../services/Executor.ts"

interface Lane {
  readonly instance: LentInstance
  /** `false` once the instance went back to the pool. */
  lent: boolean
}

/** @category models */
export interface Lanes {
  /** Instances that run nothing. */
  readonly idle: () => number
  /** Instances that run something. */
  readonly busy: () => number
  /**
   * Runs a batch on an idle instance; calling it while none is idle is a bug. When the run has ended, `onIdle` of `make` comes
   * first, so that the instance works on while `done` gives the answer away.
   */
  readonly start: (
    inputs: ReadonlyArray<Tensor>,
    outputs: ReadonlyArray<string>,
    done: (exit: Exit.Exit<ExecutionResult, RunFailure>) => void
  ) => void
}

/**
 * Takes every instance. `onIdle` is called whenever one becomes idle: at first, after each run, and when one is back that was
 * lost. The scope gives the instances back; whatever runs must have ended by then.
 *
 * @category constructors
 */
export const make = (instances: Instances, onIdle: () => void): Effect.Effect<Lanes, never, Scope.Scope> =>
  Effect.gen(function*() {
    /** The one used last is taken first: its caches are warm. */
    const idle: Array<Lane> = []
    let busy = 0

    const rest = (lane: Lane) => {
      if (!lane.lent) return
      idle.push(lane)
      onIdle()
    }

    const hold = Effect.flatMap(instances.lend, (instance) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const lane: Lane = { instance, lent: true }
          rest(lane)
          return lane
        }),
        () => instance.lost,
        (lane) =>
          Effect.sync(() => {
            lane.lent = false
            const at = idle.indexOf(lane)
            if (at >= 0) idle.splice(at, 1)
          })
      ))
    const lane = instances.slots.withPermit(Effect.scoped(hold))
    for (let i = 0; i < instances.count; i++) {
      yield* Effect.forkScoped(Effect.forever(lane), { startImmediately: true })
    }

    return {
      idle: () => idle.length,
      busy: () => busy,
      start: (inputs, outputs, done) => {
        const lane = idle.pop()!
        busy++
        lane.instance.start(inputs, outputs, (exit) => {
          busy--
          rest(lane)
          done(exit)
        })
      }
    }
  })
