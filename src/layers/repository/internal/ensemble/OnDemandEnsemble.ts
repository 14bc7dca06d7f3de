/** A version of an ensemble whose models load when they are asked for: it is opened when it is, after they were loaded. */
import { Clock, Deferred, Effect, Exit, Result, Scope } from "effect"
import { LoadFailed, ModelNotReady } from "../../../../schema/Errors.ts"
import { type Model, type NotResident, whenResident } from "../../../../services/ModelRepository.ts"
import { type OnDemand, reasonOf } from "../LifecycleState.ts"
import { type Ensemble, stepsOf } from "./Ensemble.ts"
import type { HeldSteps } from "./HeldSteps.ts"

/** @category models */
export interface Options {
  readonly ensemble: Ensemble
  readonly version: number
  readonly held: HeldSteps
  /** Why it cannot be served as things are. */
  readonly problem: () => string | undefined
  readonly open: Effect.Effect<Model, LoadFailed, Scope.Scope>
  /** Requests that may wait for it. */
  readonly maxWaiting: number
}

/** A version that could not be opened is left alone so long. Milliseconds. */
const retryMillis = 5000

/** Nothing is open yet. The scope closes it. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<OnDemand, never, Scope.Scope> {
  const { ensemble: { config, name }, held, version } = options
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  let model: Model | undefined
  let failure: { readonly reason: string; readonly at: number } | undefined
  let flight: Deferred.Deferred<void, ModelNotReady> | undefined
  let waiting = 0
  let listener = () => {}

  const notReady = (reason: string) =>
    new ModelNotReady({
      message: `Request for unknown model: '${name}' version ${version} is not at ready state: ${reason}`
    })

  const enter = Effect.gen(function*() {
    const inner = yield* Scope.fork(scope)
    // One after the other: there may be no room for two at once.
    for (const step of stepsOf(config)) {
      yield* Effect.mapError(
        whenResident(() => held.lookup(step.name, step.version)),
        ({ code, message }) =>
          new LoadFailed({
            model: name,
            code,
            message: `ensemble '${name}' depends on '${step.name}' which has no loaded version. ` +
              `Model '${step.name}' loading failed with error: ${message}`
          })
      )
    }
    const problem = options.problem()
    if (problem !== undefined) return yield* new LoadFailed({ model: name, code: "INVALID_ARG", message: problem })
    model = yield* Effect.onExit(
      Scope.provide(options.open, inner),
      (exit) => Exit.isFailure(exit) ? Scope.close(inner, exit) : Effect.void
    )
    failure = undefined
    listener()
  })

  const begin = () => {
    const done = Deferred.makeUnsafe<void, ModelNotReady>()
    flight = done
    return Effect.as(
      enter.pipe(
        Effect.catch((error) => {
          const reason = reasonOf(error)
          failure = { reason, at: clock.currentTimeMillisUnsafe() }
          return Effect.fail(notReady(reason))
        }),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            flight = undefined
            Deferred.doneUnsafe(done, exit)
          })
        ),
        Effect.ignore,
        Effect.forkIn(scope, { startImmediately: true })
      ),
      done
    )
  }

  const load = Effect.suspend((): Effect.Effect<void, ModelNotReady> => {
    if (model !== undefined) return Effect.void
    if (failure !== undefined && clock.currentTimeMillisUnsafe() - failure.at < retryMillis) {
      return Effect.fail(notReady(failure.reason))
    }
    if (waiting >= options.maxWaiting) {
      return Effect.fail(notReady(`${waiting} requests wait for it already (--model-residency-max-waiting)`))
    }
    waiting++
    return Effect.flatMap(flight === undefined ? begin() : Effect.succeed(flight), Deferred.await).pipe(
      Effect.ensuring(Effect.sync(() => void waiting--))
    )
  })

  const absent: Result.Result<Model, NotResident> = Result.fail({
    _tag: "NotResident",
    message: `ensemble '${name}' version ${version} is not open: it is opened when it is asked for`,
    name,
    version,
    load,
    healthy: () => failure === undefined,
    statistics: () => model?.statistics
  })

  return {
    name,
    version,
    found: () => model === undefined ? absent : Result.succeed(model),
    observe: (told) => {
      listener = told
    },
    status: () =>
      model !== undefined
        ? { state: "READY", reason: "" }
        : flight !== undefined
        ? { state: "LOADING", reason: "" }
        : failure !== undefined
        ? { state: "UNAVAILABLE", reason: failure.reason }
        : { state: "READY", reason: "not in memory: its models load when it is asked for" }
  }
})
