/** Tries a call again as its policy says, on the clock of the program. */
import { Clock, Duration, Effect, Random } from "effect"
import { InferenceServerError } from "../../InferenceServerError.ts"
import { delayMillis, type RetryPolicy } from "../../Retry.ts"

/** @internal */
export type Answered<A> = Effect.Effect<A, InferenceServerError>

/** Runs what throws nothing but `InferenceServerError`; anything else is a bug. @internal */
export const attempt = <A>(evaluate: () => A): Answered<A> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(evaluate())
    } catch (error) {
      return error instanceof InferenceServerError ? Effect.fail(error) : Effect.die(error)
    }
  })

/**
 * Tries within the time, and again where the policy says so. A pause longer than the time that is left is not begun. `once` gets
 * the milliseconds that are left, `undefined` without a limit; `request` names the call in messages.
 *
 * @internal
 */
export const within = <A>(
  request: string,
  timeout: Duration.Input | undefined,
  retry: RetryPolicy | false,
  once: (leftMillis: number | undefined) => Answered<A>
): Answered<A> =>
  Effect.gen(function*() {
    const duration = timeout === undefined ? undefined : Duration.fromInputUnsafe(timeout)
    const began = yield* Clock.currentTimeMillis
    const left = Effect.map(
      Clock.currentTimeMillis,
      (now) => duration === undefined ? undefined : Duration.toMillis(duration) - (now - began)
    )
    const tried = (failures: number): Answered<A> =>
      Effect.flatMap(left, once).pipe(
        Effect.catch((error) =>
          Effect.gen(function*() {
            const delay = delayMillis(retry, error, failures, yield* Random.next)
            if (delay === undefined || delay >= ((yield* left) ?? Infinity)) return yield* Effect.fail(error)
            yield* Effect.sleep(delay)
            return yield* tried(failures + 1)
          })
        )
      )
    if (duration === undefined) return yield* tried(1)
    const message = `${request} was not answered within ${Duration.toMillis(duration)} ms`
    return yield* Effect.timeoutOrElse(tried(1), {
      duration,
      orElse: () => Effect.fail(new InferenceServerError(message, { code: "DEADLINE_EXCEEDED", request }))
    })
  })
