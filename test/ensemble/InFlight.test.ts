import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { InFlight, Ticket } from "../../src/layers/ensemble/internal/InFlight.ts"

const waits = (inFlight: InFlight, ticket: Ticket) =>
  Effect.forkChild(inFlight.enter(ticket), { startImmediately: true })

describe("InFlight", () => {
  it.effect("lets those in that wait, in the order of their arrival, without those that left", () =>
    Effect.gen(function*() {
      const inFlight = new InFlight(1)
      const [first, ...others] = Array.from({ length: 5 }, () => new Ticket())
      assert.isTrue(inFlight.enterNow(first!))
      const fibers = []
      for (const ticket of others) fibers.push(yield* waits(inFlight, ticket))
      assert.strictEqual(inFlight.length, 4)
      // The first, one between others, and the last one of those that wait.
      for (const gone of [0, 2, 3]) {
        yield* Fiber.interrupt(fibers[gone]!)
        inFlight.leave(others[gone]!)
      }
      assert.strictEqual(inFlight.length, 1)
      inFlight.leave(first!)
      yield* Fiber.join(fibers[1]!)
      assert.deepStrictEqual(others.map(({ state }) => state), ["out", "in", "out", "out"])
      assert.strictEqual(inFlight.length, 0)
      assert.isFalse(inFlight.enterNow(new Ticket()))
      inFlight.leave(others[1]!)
      assert.isTrue(inFlight.enterNow(new Ticket()))
    }))

  it.effect("links a request that does not wait any more to no other", () =>
    Effect.gen(function*() {
      const inFlight = new InFlight(2)
      const tickets = Array.from({ length: 6 }, () => new Ticket())
      const fibers = []
      for (const ticket of tickets) {
        if (!inFlight.enterNow(ticket)) fibers.push(yield* waits(inFlight, ticket))
      }
      assert.strictEqual(inFlight.length, 4)
      inFlight.leave(tickets[0]!)
      inFlight.leave(tickets[3]!)
      for (const i of [0, 2, 3]) {
        assert.isUndefined(tickets[i]!.before)
        assert.isUndefined(tickets[i]!.behind)
      }
      assert.strictEqual(tickets[4]!.behind, tickets[5])
      for (const fiber of fibers) yield* Fiber.interrupt(fiber)
    }))
})
