import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Forks from "../../src/layers/frontend/internal/Forks.ts"

describe("Forks", () => {
  it.effect("starts effects at once", () =>
    Effect.gen(function*() {
      const fork = yield* Forks.make
      let ran = false
      const fiber = fork(Effect.sync(() => {
        ran = true
        return 7
      }))
      assert.isTrue(ran)
      assert.strictEqual(yield* Fiber.join(fiber), 7)
    }))

  it.effect("interrupts what runs when its scope closes, and waits for the ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const fork = yield* Scope.provide(Forks.make, scope)
      const ends: Array<number> = []
      const fibers = [0, 1, 2].map((i) =>
        fork(Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => {
              ends.push(i)
            })
          )))
      )
      fibers[1]!.interruptUnsafe()
      yield* Fiber.await(fibers[1]!)
      assert.deepStrictEqual(ends, [1])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(ends, [1, 0, 2])
    }))

  it.effect("starts nothing after that", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const fork = yield* Scope.provide(Forks.make, scope)
      yield* Scope.close(scope, Exit.void)
      let ran = false
      const exit = yield* Fiber.await(fork(Effect.sync(() => {
        ran = true
      })))
      assert.isFalse(ran)
      assert.isTrue(Exit.hasInterrupts(exit))
    }))

  it.effect("goes on after an effect that failed", () =>
    Effect.gen(function*() {
      const fork = yield* Forks.make
      const failed = yield* Fiber.await(fork(Effect.fail("broken")))
      assert.isTrue(Exit.isFailure(failed))
      assert.strictEqual(yield* Fiber.join(fork(Effect.succeed(1))), 1)
    }))
})
