/** Puts another instance in the place of one that works, between two runs. */
import { Cause, Deferred, Effect, Exit } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Instance } from "./Instance.ts"
import type { LiveInstances } from "./LiveInstances.ts"
import * as PoolMember from "./PoolMember.ts"
import type { Vacancies } from "./Vacancies.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly live: LiveInstances
  readonly vacancies: Vacancies
  readonly open: (index: number) => Effect.Effect<PoolMember.PoolMember, LoadFailed>
  /** Bytes of memory that are free on this machine. */
  readonly freeMemory: () => number
  /** The old instance is going to leave. */
  readonly onReplaced: () => void
  /** Ends the lending of an instance, for another to take its place. */
  readonly invalidate: (instance: Instance) => Effect.Effect<void>
}

/**
 * Opens the other one first where there are that many bytes of memory free for it, and closes the old one once what was started in it
 * has ended. `false`: the old one stays, or was lost meanwhile.
 *
 * @category models
 */
export type Replace = (instance: Instance, reason: string, bytes: number) => Effect.Effect<boolean>

/** @category constructors */
export const make = (
  { freeMemory, invalidate, live, model, onReplaced, open, vacancies }: Options
): Replace => {
  /** Opens what takes the place of an instance while that works on. */
  const prepare = (index: number, instance: Instance): Effect.Effect<boolean> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.matchCauseEffect(restore(open(index)), {
        onFailure: (cause) =>
          Cause.hasInterrupts(cause)
            ? Effect.interrupt
            : Effect.as(
              Effect.logWarning(`instance '${instance.name}' of model '${model}' could not be replaced`, cause),
              false
            ),
        onSuccess: (next) => {
          if (!live.has(instance)) return Effect.as(PoolMember.close(next), false)
          vacancies.prepare(next)
          return Effect.succeed(true)
        }
      })
    )

  return Effect.fnUntraced(function*(instance, reason, bytes) {
    const { gone, index, retiring } = live.of(instance)
    yield* Effect.logInfo(`instance '${instance.name}' of model '${model}' is being replaced: ${reason}`)
    if (freeMemory() > bytes) {
      if (!(yield* prepare(index, instance))) return false
    } else vacancies.plan(index)
    onReplaced()
    vacancies.add(index)
    Deferred.doneUnsafe(retiring, Exit.void)
    yield* invalidate(instance)
    yield* Deferred.await(gone)
    return true
  })
}
