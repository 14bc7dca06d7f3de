/** What the table of scenarios cannot say: a queue of sequences that ends while its front end goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { settle } from "../../execution/FakeInstances.ts"
import { tensorsOf, until } from "./Driver.ts"
import { http } from "./HttpClient.ts"
import type { Request } from "./Scenario.ts"
import { direct } from "./SequenceScenarios.ts"
import * as Server from "./Server.ts"

const ask = (server: Server.Server, sequence: NonNullable<Request["sequence"]>) =>
  Effect.gen(function*() {
    const request = { at: 0, rows: 1, sequence }
    const before = server.traffic.submitted
    const answer = http.ask(server, request, tensorsOf(server, request, 1), new AbortController().signal)
    yield* until("a request at the scheduler", () => server.traffic.submitted > before)
    return Effect.promise(() => answer)
  })

const sums = [1000, 2000].map((sum) => ({ outputs: [{ name: "OUTPUT0", shape: [1, 1], values: [sum] }] }))

describe("The end of a sequence batcher", () => {
  it.effect("73 refuses a START, finishes what it has taken, and waits until idle limits free the slots", () =>
    Effect.scoped(Effect.gen(function*() {
      const queueScope = yield* Scope.make()
      const server = yield* Server.start({ ...direct, exec: () => 1000 }, { queueScope, drain: "10 seconds" })
      const outstanding = [yield* ask(server, { id: 1, start: true }), yield* ask(server, { id: 2, start: true })]
      const closing = yield* Effect.forkChild(Scope.close(queueScope, Exit.void), { startImmediately: true })
      assert.deepStrictEqual(yield* yield* ask(server, { id: 3, start: true }), {
        error: "Server is stopping, scheduler for model has stopped accepting new inference requests",
        status: 503
      })
      for (let second = 0; second < 3; second++) {
        yield* TestClock.adjust("1 second")
        yield* settle
      }
      for (const answer of outstanding) assert.deepStrictEqual(yield* answer, sums[0])
      const last = yield* ask(server, { id: 1, end: true })
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(yield* last, sums[1])
      // The other one was answered 2 seconds after the start, 2 seconds ago, and is idle since then.
      yield* TestClock.adjust("2999 millis")
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(server.counts().refusals, {
        queue_full: 0,
        deadline: 0,
        stopping: 1,
        suspended: 0,
        invalid: 0
      })
      assert.strictEqual(server.counts().fail.count, 0)
    })))
})
