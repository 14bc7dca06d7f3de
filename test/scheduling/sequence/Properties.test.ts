/** Whatever happens in whatever order: every step is answered once and right, and nothing is kept in the end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { isEmpty, make, read, type Sequences, settle } from "./Sequences.ts"

type Happening =
  | {
    readonly _tag: "Submit"
    readonly id: number
    readonly start: boolean
    readonly end: boolean
    readonly timeout: number
    readonly deadline: number
    readonly shape: string
  }
  | { readonly _tag: "GoAway"; readonly which: number }
  | { readonly _tag: "Finish"; readonly which: number }
  | { readonly _tag: "Crash"; readonly index: number }
  | { readonly _tag: "Wait"; readonly millis: number }

const rarely = <A>(usual: A, rare: fc.Arbitrary<A>) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 5 }, { arbitrary: rare, weight: 1 })

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      _tag: fc.constant("Submit" as const),
      id: fc.integer({ min: 1, max: 5 }),
      start: fc.boolean(),
      end: rarely(false, fc.constant(true)),
      timeout: rarely(0, fc.constantFrom(50, 300)),
      deadline: rarely(0, fc.constantFrom(50, 300)),
      shape: fc.constantFrom("a", "b")
    })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("GoAway" as const), which: fc.nat(8) }) },
  { weight: 8, arbitrary: fc.record({ _tag: fc.constant("Finish" as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Crash" as const), index: fc.nat(1) }) },
  {
    weight: 3,
    arbitrary: fc.record({ _tag: fc.constant("Wait" as const), millis: fc.constantFrom(10, 60, 400, 1100) })
  }
)

const plan = fc.record({
  strategy: fc.constantFrom("direct", "oldest" as const),
  stateful: fc.boolean(),
  count: fc.integer({ min: 1, max: 2 }),
  places: fc.integer({ min: 1, max: 2 }),
  delay: fc.constantFrom(0n, 100_000n),
  preserve: fc.boolean(),
  rows: fc.integer({ min: 1, max: 3 }),
  happenings: fc.array(happening, { minLength: 5, maxLength: 60 })
})

/** A step that was sent: its value is a power of two, so that a sum says which steps it is of. */
interface Sent {
  readonly id: number
  readonly start: boolean
  readonly value: number
  readonly fiber: Effect.Success<ReturnType<Sequences["submit"]>>
}

const bits = (sum: number): ReadonlyArray<number> =>
  Array.from({ length: 31 }, (_, bit) => 2 ** bit).filter((value) => (sum & value) !== 0)

describe("A queue of sequences", () => {
  it.effect("answers every step once, mixes no two sequences, and keeps nothing", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          plan,
          (run) =>
            Effect.runPromise(
              Effect.scoped(Effect.provide(play(run), Layer.merge(TestClock.layer(), Logger.layer([]))))
            )
        ),
        { numRuns: 150 }
      )
    ), 120_000)
})

const play = Effect.fnUntraced(function*(run: (typeof plan) extends fc.Arbitrary<infer A> ? A : never) {
  const { count, delay, places, preserve, rows, stateful, strategy } = run
  const batching = strategy === "direct"
    ? { direct: { max_queue_delay_microseconds: delay, minimum_slot_utilization: 1 } }
    : { oldest: { max_queue_delay_microseconds: delay, preserve_ordering: preserve, max_candidate_sequences: 2 } }
  const queue = yield* make({ ...batching, max_sequence_idle_microseconds: 1_000_000n }, {
    count,
    places,
    stateful,
    max_batch_size: rows
  })
  const sent: Array<Sent> = []
  const gone = new Set<number>()
  const leaving: Array<Fiber.Fiber<unknown>> = []
  for (const each of run.happenings) {
    if (each._tag === "Submit") {
      if (sent.length === 30) continue
      const value = 2 ** sent.length
      sent.push({ id: each.id, start: each.start, value, fiber: yield* queue.submit(each.id, value, each) })
    } else if (each._tag === "GoAway") {
      const one = sent[each.which]
      if (one === undefined || gone.has(each.which)) continue
      gone.add(each.which)
      leaving.push(yield* Effect.forkChild(Fiber.interrupt(one.fiber), { startImmediately: true }))
    } else if (each._tag === "Finish") {
      const running = queue.running()
      if (running.length > 0) yield* queue.finish(running[each.which % running.length])
    } else if (each._tag === "Crash") {
      queue.fakes.open.get(each.index)?.crash("test")
    } else yield* TestClock.adjust(each.millis)
    yield* settle
  }
  queue.core.endSequences()
  for (let turns = 0; turns < 200 && queue.core.depth().waiting + queue.core.depth().running > 0; turns++) {
    yield* queue.finish()
    yield* TestClock.adjust("1 second")
    yield* settle
  }
  yield* Fiber.awaitAll(leaving)
  const answered = yield* Effect.forEach(sent, ({ fiber }) => Fiber.await(fiber))
  answered.forEach((exit, i) => {
    if (Exit.isFailure(exit)) return assert.isTrue(gone.has(i), "a step was answered by nobody")
    const sum = read(exit.value)
    if (typeof sum === "string") return
    // Steps of its own id: from a START to itself, all that were answered.
    const parts = new Set(bits(sum))
    const first = sent.findIndex(({ value }) => parts.has(value))
    assert.isTrue(sent[first]!.start)
    for (let j = 0; j < sent.length; j++) {
      const step = sent[j]!
      if (parts.has(step.value)) assert.deepStrictEqual([step.id, j <= i], [sent[i]!.id, true])
      else if (step.id === sent[i]!.id && j > first && j < i) {
        const other = answered[j]!
        assert.isTrue(Exit.isFailure(other) || Exit.isFailure(other.value), "a step was forgotten")
      }
    }
    assert.isTrue(parts.has(sent[i]!.value))
  })
  yield* TestClock.adjust("2 seconds")
  assert.isTrue(isEmpty(queue))
  assert.strictEqual(queue.core.table.lost.size, 0)
  assert.strictEqual(queue.fakes.unreleased, 0)
  const { failures, pending, success } = queue.statistics.counts()
  assert.strictEqual(pending, 0)
  assert.isAtMost(success.count + Object.values(failures).reduce((sum, each) => sum + each, 0), sent.length)
})
