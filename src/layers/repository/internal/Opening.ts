/** Opens versions, no more at once than may be, and tries again what fails. */
import { Clock, Effect, Exit, Result, Scope, type Semaphore } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { LoadEvent } from "../../../services/ModelRepository.ts"
import { type Loaded, reasonOf } from "./LifecycleState.ts"
import type { VersionPlan } from "./VersionPlan.ts"

/** @category models */
export interface Options {
  /** Holds whatever is opened, each version in a scope of its own below it. */
  readonly scope: Scope.Scope
  /** One permit for each version that may open at the same time. */
  readonly loads: Semaphore.Semaphore
  /** Further attempts at a version that fails to load. */
  readonly loadRetryCount: number
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
}

/** What came of one version. @category models */
export interface Outcome {
  readonly version: number
  readonly result: Result.Result<void, LoadFailed>
  readonly millis: number
}

/**
 * Opens a version into `opened`, the moment it stands, so that whoever gives up the load finds it there.
 *
 * @category models
 */
export type Open = (model: string, plan: VersionPlan, opened: Map<number, Loaded>) => Effect.Effect<Outcome>

const broke = "the server failed on this model because of a bug in it; its log says more"

/** @category constructors */
export const make = ({ loadRetryCount, loads, onEvent, scope }: Options): Open => {
  let serial = 0
  const attempt = (plan: VersionPlan, opened: Map<number, Loaded>) =>
    Effect.gen(function*() {
      const inner = yield* Scope.fork(scope)
      yield* Scope.provide(plan.open, inner).pipe(
        Effect.onExit((exit) =>
          Exit.isSuccess(exit)
            ? Effect.sync(() => {
              opened.set(plan.version, {
                model: exit.value,
                scope: inner,
                identity: plan.identity ?? "",
                serial: ++serial
              })
            })
            : Scope.close(inner, exit)
        )
      )
    })

  const run: Open = Effect.fnUntraced(function*(model, plan, opened) {
    const clock = yield* Clock.Clock
    const { version } = plan
    yield* onEvent({ _tag: "Loading", model, version })
    const begin = clock.monotonicTimeNanosUnsafe()
    const result = yield* Effect.retry(attempt(plan, opened), { times: loadRetryCount }).pipe(
      // What breaks the load of one version must not keep others from being loaded.
      Effect.catchDefect((defect) =>
        Effect.andThen(
          Effect.logError(`the load of '${model}' version ${version} broke`, defect),
          Effect.fail(new LoadFailed({ model, code: "INTERNAL", message: broke }))
        )
      ),
      Effect.result
    )
    if (Result.isFailure(result)) {
      yield* onEvent({ _tag: "Failed", model, version, reason: reasonOf(result.failure) })
    }
    return { version, result, millis: Number(clock.monotonicTimeNanosUnsafe() - begin) / 1e6 }
  })
  return (model, plan, opened) => {
    const opening = run(model, plan, opened)
    return plan.light === true ? opening : loads.withPermit(opening)
  }
}
