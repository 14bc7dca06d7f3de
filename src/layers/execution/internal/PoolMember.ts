/** An instance with what its pool knows of it. */
import { Deferred, Effect, Exit, Scope } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Instance } from "./Instance.ts"

/** @category models */
export interface PoolMember {
  readonly index: number
  readonly instance: Instance
  readonly scope: Scope.Closeable
  /** Completes when it is to be replaced between two runs. */
  readonly retiring: Deferred.Deferred<void>
  /** Completes when nobody has it any more. */
  readonly gone: Deferred.Deferred<void>
}

/** Opens an instance in a scope of its own, which is closed again where that fails. @category constructors */
export const open = (
  index: number,
  instance: Effect.Effect<Instance, LoadFailed, Scope.Scope>
): Effect.Effect<PoolMember, LoadFailed> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.onExit(
        restore(Effect.map(Scope.provide(instance, scope), (instance): PoolMember => ({
          index,
          instance,
          scope,
          retiring: Deferred.makeUnsafe<void>(),
          gone: Deferred.makeUnsafe<void>()
        }))),
        (exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void
      ))
  )

/** Closes the instance, once what was started in it has ended. @category combinators */
export const close = ({ scope }: PoolMember): Effect.Effect<void> => Scope.close(scope, Exit.void)
