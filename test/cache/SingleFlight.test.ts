/** Random schedules of equal and different requests, some of which are given up, time out or fail. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as CachedScheduler from "../../src/layers/cache/internal/CachedScheduler.ts"
import type { Answer, CacheStore } from "../../src/layers/cache/internal/CacheStore.ts"
import { LocalStore } from "../../src/layers/cache/internal/LocalStore.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { RequestTimedOut } from "../../src/schema/Errors.ts"
import type { Job, JobFailure, JobResult } from "../../src/services/Scheduler.ts"
import * as Fake from "./FakeScheduler.ts"

interface Request {
  /** Milliseconds from the begin. */
  readonly at: number
  readonly value: number
  readonly priority: number
  /** When its caller goes away. */
  readonly leavesAt: number | undefined
  /** Milliseconds after its arrival. */
  readonly deadline: number | undefined
}

interface Script {
  readonly millis: number
  readonly outcome: "answers" | "fails" | "times out"
}

interface Plan {
  readonly requests: ReadonlyArray<Request>
  /** What the runs do, in the order of their begin; those beyond answer at once. */
  readonly runs: ReadonlyArray<Script>
  /** Milliseconds that asking far away takes; `undefined`: nobody is asked. */
  readonly far: number | undefined
  /** Values that are known far away. */
  readonly known: ReadonlyArray<number>
  readonly capacity: number
  readonly maxFollowers: number
}

const time = fc.integer({ min: 0, max: 30 })

const plans = (
  outcomes: ReadonlyArray<Script["outcome"]>,
  priorities: ReadonlyArray<number>,
  maxFollowers: ReadonlyArray<number>
): fc.Arbitrary<Plan> =>
  fc.record({
    requests: fc.array(
      fc.record({
        at: time,
        value: fc.integer({ min: 0, max: 2 }),
        priority: fc.constantFrom(...priorities),
        leavesAt: fc.option(time, { nil: undefined, freq: 2 }),
        deadline: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined, freq: 2 })
      }),
      { minLength: 1, maxLength: 25 }
    ),
    runs: fc.array(fc.record({ millis: fc.integer({ min: 0, max: 12 }), outcome: fc.constantFrom(...outcomes) })),
    far: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
    known: fc.subarray([0, 1, 2]),
    capacity: fc.constantFrom(200, 1_000_000),
    maxFollowers: fc.constantFrom(...maxFollowers)
  })

interface Outcome {
  readonly request: Request
  readonly job: Job
  readonly exit: Exit.Exit<JobResult, JobFailure>
  /** Milliseconds from the begin. */
  readonly endedAt: number
}

const storeOf = (plan: Plan): CacheStore => {
  const local = new LocalStore({ capacity: plan.capacity, ttlNanos: Infinity })
  const store: CacheStore = {
    lookup: (key, now) => local.lookup(key, now),
    insert: (key, outputs, now) => local.insert(key, outputs, now),
    usage: () => ({ local: local.usage(), redis: undefined })
  }
  if (plan.far === undefined) return store
  const far = plan.far
  return {
    ...store,
    fetch: ({ inputs }) => {
      const value = inputs[0]!.data[0]!
      const answer: Answer | undefined = plan.known.includes(value) ? [Fake.tensor("OUT", [value + 1])] : undefined
      return Effect.as(far === 0 ? Effect.void : Effect.sleep(far), answer)
    }
  }
}

/** Plays a plan to its end, looking at what runs at every millisecond. */
const play = (plan: Plan, look: (fake: Fake.FakeScheduler) => void) =>
  Effect.gen(function*() {
    const books = new Books("m", 1, () => 0, { cached: true })
    const fake = Fake.make(books)
    const outcomes: Array<Outcome> = []
    const scope = yield* Scope.make()
    const scheduler = yield* Scope.provide(
      CachedScheduler.open({ model: "m", version: 1, identity: "i", scheduler: fake, statistics: books }, {
        store: storeOf(plan),
        maxFollowers: plan.maxFollowers,
        onTimes: () => {},
        onShared: () => {}
      }),
      scope
    )
    const fibers = new Map<Request, Fiber.Fiber<unknown, unknown>>()
    const begun = new Map<Fake.Run, number>()
    let now = 0

    const step = Effect.fnUntraced(function*() {
      for (const request of plan.requests) {
        if (request.at !== now) continue
        const job = Fake.job([request.value], {
          priority: request.priority,
          deadlineMicros: (request.deadline ?? 0) * 1000
        })
        fibers.set(
          request,
          yield* Effect.forkChild(
            Effect.onExit(scheduler.submit(job), (exit) =>
              Effect.sync(() => {
                if (Exit.isSuccess(exit)) exit.value.release()
                outcomes.push({ request, job, exit, endedAt: now })
              })),
            { startImmediately: true }
          )
        )
      }
      look(fake)
      for (const [request, fiber] of fibers) if (request.leavesAt === now) yield* Fiber.interrupt(fiber)
      for (const [index, run] of fake.runs.entries()) {
        if (run.state !== "running") continue
        if (!begun.has(run)) begun.set(run, now)
        const script = plan.runs[index] ?? { millis: 0, outcome: "answers" }
        if (now < begun.get(run)! + script.millis) continue
        if (script.outcome === "answers") run.finish()
        else run.fail(script.outcome === "fails" ? Fake.broken() : new RequestTimedOut({ message: "too late" }))
        look(fake)
      }
    })
    // Whatever takes longest: to arrive, then a run after the other of each of them.
    while (now <= 60 || outcomes.length < plan.requests.length) {
      if (now > 2000) break
      yield* step()
      now++
      yield* TestClock.adjust("1 millis")
    }
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    return { outcomes, fake, books, depth: scheduler.depth(), closed: closing.pollUnsafe() !== undefined }
  })

const silent = Layer.mergeAll(TestClock.layer(), Logger.layer([]))

const check = (arbitrary: fc.Arbitrary<Plan>, verify: (plan: Plan) => Effect.Effect<void>) =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(arbitrary, (plan) => Effect.runPromise(Effect.provide(Effect.scoped(verify(plan)), silent))),
      { numRuns: 400 }
    )
  )

const everything = (
  plan: Plan,
  { books, closed, depth, fake, outcomes }: Effect.Success<ReturnType<typeof play>>
) => {
  assert.strictEqual(outcomes.length, plan.requests.length, "everybody has an answer, once")
  assert.deepStrictEqual(depth, { waiting: 0, running: 0 })
  assert.isTrue(closed, "nobody is left to wait for")
  for (const { endedAt, exit, job, request } of outcomes) {
    if (Exit.isSuccess(exit)) {
      assert.deepStrictEqual(exit.value.outputs.map(({ data }) => [...data]), [Fake.answerTo(job)])
      continue
    }
    if (Cause.hasInterruptsOnly(exit.cause)) {
      assert.strictEqual(endedAt, request.leavesAt, "interrupted by its own caller only")
      continue
    }
    const failure = exit.cause.reasons.find(Cause.isFailReason)!.error
    if (failure._tag === "DeadlineExceeded") {
      const due = request.at + request.deadline!
      // Looked at every millisecond, and once more after asking far away.
      assert.isAtLeast(endedAt, due)
      assert.isAtMost(endedAt, due + 1 + (plan.far ?? 0))
      continue
    }
    assert.isTrue(
      fake.runs.some((run) => run.state === "failed" && run.job.inputs === job.inputs),
      "fails because its own run failed"
    )
  }
  for (const run of fake.runs) {
    if (run.state === "answered") assert.strictEqual(run.released, 1, "memory comes back once, after its last use")
  }
  const { fail, success } = books.counts()
  assert.strictEqual(success.count + fail.count, plan.requests.length, "everybody is counted once")
}

describe("single flight", () => {
  it.effect("answers everybody rightly, and lets nobody suffer for another", () =>
    check(plans(["answers", "fails", "times out"], [0, 1], [0, 2, 100]), (plan) =>
      Effect.gen(function*() {
        everything(plan, yield* play(plan, () => {}))
      })))

  it.effect("runs the same request once at a time, and never again once it was answered", () =>
    check(plans(["answers", "answers", "times out"], [0], [100]), (plan) =>
      Effect.gen(function*() {
        const bound = (fake: Fake.FakeScheduler) => {
          for (const value of [0, 1, 2]) {
            const running = fake.running().filter(({ job }) => job.inputs[0]!.data[0] === value).length
            assert.isAtMost(running, 1)
          }
        }
        const played = yield* play(plan, bound)
        everything(plan, played)
        if (plan.capacity === 200) return
        for (const value of [0, 1, 2]) {
          const answered = played.fake.runs.filter(({ job, state }) =>
            state === "answered" && job.inputs[0]!.data[0] === value
          )
          assert.isAtMost(answered.length, 1)
        }
      })))
})
