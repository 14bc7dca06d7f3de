/**
 * What is begun without a fiber, where a fiber for each request would cost more than the request: a function is called back with the
 * answer, and whoever does not wait any more cancels it.
 */
import { Effect, Exit } from "effect"

/** Something that was begun without a fiber, and whose answer has yet to come. @category models */
export interface Begun {
  /**
   * Nobody waits for the answer any more, which never comes from now on. What waits is withdrawn; what runs finishes, and its result is
   * dropped. `ended` is called once, at once or later, when nothing of it is in use any more.
   */
  readonly cancel: (ended: () => void) => void
}

/** What was answered already, or never began: there is nothing to cancel. @category constants */
export const over: Begun = { cancel: (ended) => ended() }

/**
 * The effect of something that can be begun without a fiber. Interruption cancels it, and waits until nothing of it is in use.
 *
 * @category constructors
 */
export const fromBegun = <A, E>(
  begin: (resume: (answer: Effect.Effect<A, E>) => void) => Begun
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const begun = begin(resume)
    return Effect.callback<void>((ended) => begun.cancel(() => ended(Effect.void)))
  })

/** The exit that an answer is, without running anything; `undefined` where it has yet to be run. @category getters */
export const exitOf = <A, E>(answer: Effect.Effect<A, E>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(answer) ? answer as Exit.Exit<A, E> : undefined
