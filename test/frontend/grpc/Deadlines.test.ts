import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { Deadlines, type Expiring } from "../../../src/layers/frontend/internal/grpc/Deadlines.ts"

class Entry implements Expiring {
  readonly expiresAt: number
  heapIndex = -1
  private readonly onExpired: (entry: Entry) => void

  constructor(expiresAt: number, onExpired: (entry: Entry) => void) {
    this.expiresAt = expiresAt
    this.onExpired = onExpired
  }

  expired(): void {
    this.onExpired(this)
  }
}

/** Adds entries that are due, takes some out, and waits for the last of the others. */
const run = (times: ReadonlyArray<number>, removed: ReadonlyArray<number>): Effect.Effect<ReadonlyArray<number>> =>
  Effect.callback((resume) => {
    const deadlines = new Deadlines()
    const order: Array<number> = []
    const entries = times.map((time) =>
      new Entry(time, (entry) => {
        assert.strictEqual(entry.heapIndex, -1)
        order.push(entry.expiresAt)
        if (deadlines.size === 0) resume(Effect.succeed(order))
      })
    )
    for (const entry of entries) deadlines.add(entry)
    for (const index of removed) deadlines.remove(entries[index % entries.length]!)
    if (deadlines.size === 0) resume(Effect.succeed(order))
  })

describe("Deadlines", () => {
  it.effect("expire in order of time, but for those taken out", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: -1000, max: 0 }), { minLength: 1, maxLength: 60 }),
          fc.array(fc.nat(), { maxLength: 40 }),
          async (times, removed) => {
            const order = await Effect.runPromise(run(times, removed))
            const gone = new Set(removed.map((index) => index % times.length))
            assert.deepStrictEqual(order, times.filter((_, i) => !gone.has(i)).sort((a, b) => a - b))
          }
        ),
        { numRuns: 50 }
      )
    ))

  it.effect("does not wait for a later one when an earlier one is added", () =>
    Effect.callback<void>((resume) => {
      const deadlines = new Deadlines()
      const later = new Entry(performance.now() + 1e9, () => {})
      deadlines.add(later)
      deadlines.add(
        new Entry(0, () => {
          assert.strictEqual(deadlines.size, 1)
          deadlines.clear()
          assert.strictEqual(later.heapIndex, -1)
          resume(Effect.void)
        })
      )
    }))
})
