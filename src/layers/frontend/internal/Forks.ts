/** Starts the fibers of requests. */
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Roster } from "../../Roster.ts"

/** Starts an effect now and gives its fiber. @internal */
export type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/**
 * A function that starts fibers until the scope closes, which interrupts those that run and waits for their ends. Like
 * `FiberSet.makeRuntime`, but that keeps its fibers in a `Set`: see `Roster`.
 *
 * @internal
 */
export const make: Effect.Effect<Fork, never, Scope.Scope> = Effect.gen(function*() {
  const start = Effect.runForkWith(yield* Effect.context<never>())
  const running = new Roster<Fiber.Fiber<unknown, unknown>>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return Fiber.interruptAll(running.all())
    })
  )
  const ended = Exit.interrupt()
  return <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => {
    if (closed) return start(ended)
    const fiber = start(effect)
    if (fiber.pollUnsafe() !== undefined) return fiber
    const place = running.add(fiber)
    fiber.addObserver(() => {
      running.remove(fiber, place)
    })
    return fiber
  }
})
