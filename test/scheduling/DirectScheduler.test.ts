import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import { InstanceLost } from "../../src/schema/Errors.ts"
import type { Instances } from "../../src/services/Executor.ts"
import { type Job, Scheduler } from "../../src/services/Scheduler.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { queueOptions } from "./QueueOptions.ts"

const { settle } = Fakes

const job = (number: number): Job => ({
  inputs: [Fakes.job(number)],
  outputs: [],
  batchSize: 1,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0
})

const open = Effect.fnUntraced(function*(instances: Instances, options: DirectScheduler.Options = {}) {
  const scheduler = yield* Effect.provide(Scheduler, DirectScheduler.layerWith(options))
  return yield* scheduler.open({ ...queueOptions("m"), instances })
})

const make = Effect.fnUntraced(function*(count: number, options: DirectScheduler.Options = {}, places = 1) {
  const fakes = Fakes.make()
  const pool = yield* Fakes.pool(fakes, { count, places })
  return { fakes, pool, scheduler: yield* open(pool, options) }
})

const jobs = (fakes: Fakes.Fakes) => Fakes.running(fakes).map((run) => run.job).toSorted((a, b) => a - b)
const finish = (fakes: Fakes.Fakes, number: number) =>
  Effect.suspend(() => {
    Fakes.running(fakes).find((run) => run.job === number)!.finish()
    return settle
  })

describe("DirectScheduler", () => {
  it.effect(
    "makes the fourth request of a model with three instances wait for the first to finish",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(3)
      const fibers = []
      for (let i = 1; i <= 4; i++) {
        fibers.push(yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true }))
      }
      yield* settle
      assert.deepStrictEqual(jobs(fakes), [1, 2, 3])
      assert.deepStrictEqual(scheduler.depth(), { waiting: 1, running: 3 })
      yield* TestClock.adjust("5 millis")
      yield* finish(fakes, 2)
      assert.deepStrictEqual(jobs(fakes), [1, 3, 4])
      for (const number of [1, 3, 4]) yield* finish(fakes, number)
      const results = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(results.map((result) => result.outputs[0]!.shape[0]), [1, 2, 3, 4])
      assert.deepStrictEqual(results.map((result) => result.queueNanos), [0, 0, 0, 5_000_000])
      assert.deepStrictEqual(results.map((result) => result.computeInferNanos), [2, 2, 2, 2])
      assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
    }, Effect.scoped)
  )

  it.effect(
    "starts requests in the order of their arrival, before those that come while a place is free",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1)
      for (let i = 1; i <= 5; i++) yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true })
      for (let i = 1; i <= 5; i++) {
        assert.deepStrictEqual(jobs(fakes), [i])
        yield* finish(fakes, i)
      }
    }, Effect.scoped)
  )

  it.effect(
    "runs two models side by side",
    Effect.fnUntraced(function*() {
      const one = yield* make(1)
      const other = yield* make(1)
      yield* Effect.forkChild(one.scheduler.submit(job(1)), { startImmediately: true })
      yield* Effect.forkChild(one.scheduler.submit(job(2)), { startImmediately: true })
      const fiber = yield* Effect.forkChild(other.scheduler.submit(job(3)), { startImmediately: true })
      assert.deepStrictEqual(jobs(other.fakes), [3])
      yield* finish(other.fakes, 3)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(jobs(one.fakes), [1])
      yield* finish(one.fakes, 1)
      yield* finish(one.fakes, 2)
    }, Effect.scoped)
  )

  it.effect(
    "refuses the request that is one too many, and takes the next when a place is free",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1, { maxQueueSize: 2 })
      const fibers = []
      for (let i = 1; i <= 3; i++) {
        fibers.push(yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true }))
      }
      const refused = yield* Effect.flip(scheduler.submit(job(4)))
      assert.strictEqual(refused._tag, "QueueFull")
      assert.strictEqual(refused.message, "Exceeds maximum queue size")
      yield* Fiber.interrupt(fibers[1]!)
      fibers[1] = yield* Effect.forkChild(scheduler.submit(job(5)), { startImmediately: true })
      assert.deepStrictEqual(scheduler.depth(), { waiting: 2, running: 1 })
      for (const number of [1, 3, 5]) yield* finish(fakes, number)
      yield* Fiber.joinAll(fibers)
    }, Effect.scoped)
  )

  it.effect(
    "takes no waiting request at all when the queue has no place",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1, { maxQueueSize: 0 })
      const running = yield* Effect.forkChild(scheduler.submit(job(1)), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(scheduler.submit(job(2))))._tag, "QueueFull")
      yield* finish(fakes, 1)
      yield* Fiber.join(running)
    }, Effect.scoped)
  )

  it.effect(
    "withdraws a waiting request whose caller is interrupted, and never runs it",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1)
      yield* Effect.forkChild(scheduler.submit(job(1)), { startImmediately: true })
      const withdrawn = yield* Effect.forkChild(scheduler.submit(job(2)), { startImmediately: true })
      yield* Effect.forkChild(scheduler.submit(job(3)), { startImmediately: true })
      yield* Fiber.interrupt(withdrawn)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 1, running: 1 })
      yield* finish(fakes, 1)
      assert.deepStrictEqual(jobs(fakes), [3])
      yield* finish(fakes, 3)
      assert.notInclude(fakes.log, "run 2")
    }, Effect.scoped)
  )

  it.effect(
    "lets a run finish whose caller is interrupted, frees its result and goes on",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1)
      const gone = yield* Effect.forkChild(scheduler.submit(job(1)), { startImmediately: true })
      const next = yield* Effect.forkChild(scheduler.submit(job(2)), { startImmediately: true })
      const interruption = yield* Effect.forkChild(Fiber.interrupt(gone))
      yield* settle
      assert.deepStrictEqual(jobs(fakes), [1])
      yield* finish(fakes, 1)
      yield* Fiber.join(interruption)
      assert.strictEqual(fakes.unreleased, 0)
      assert.deepStrictEqual(jobs(fakes), [2])
      yield* finish(fakes, 2)
      yield* Fiber.join(next)
    }, Effect.scoped)
  )

  it.effect(
    "goes on with the others when an instance is lost, and serves the line when it is back",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1)
      const lost = yield* Effect.forkChild(scheduler.submit(job(1)), { startImmediately: true })
      const next = yield* Effect.forkChild(scheduler.submit(job(2)), { startImmediately: true })
      fakes.open.get(0)!.crash("test")
      yield* settle
      assert.deepStrictEqual(scheduler.depth(), { waiting: 2, running: 0 })
      yield* TestClock.adjust("100 millis")
      yield* settle
      assert.deepStrictEqual(jobs(fakes), [1])
      yield* finish(fakes, 1)
      yield* Fiber.join(lost)
      assert.deepStrictEqual(jobs(fakes), [2])
      yield* finish(fakes, 2)
      yield* Fiber.join(next)
    }, Effect.scoped)
  )

  it.effect(
    "lets short runs lie ready at an instance, counts them as waiting, and takes them back",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1, { maxQueueSize: 3 }, 3)
      const fibers = []
      for (let i = 1; i <= 4; i++) {
        fibers.push(yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true }))
      }
      assert.deepStrictEqual(scheduler.depth(), { waiting: 3, running: 1 })
      assert.strictEqual((yield* Effect.flip(scheduler.submit(job(5))))._tag, "QueueFull")
      yield* Fiber.interrupt(fibers[1]!)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 2, running: 1 })
      for (const number of [1, 3, 4]) yield* finish(fakes, number)
      assert.deepStrictEqual(fakes.log.filter((entry) => entry.startsWith("run")), ["run 1", "run 3", "run 4"])
    }, Effect.scoped)
  )

  it.effect(
    "moves what lies ready to another instance that is idle",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(2, {}, 2)
      for (let i = 1; i <= 4; i++) yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true })
      assert.deepStrictEqual(jobs(fakes), [1, 2])
      yield* finish(fakes, 2)
      assert.deepStrictEqual(jobs(fakes), [1, 4])
      yield* finish(fakes, 4)
      assert.deepStrictEqual(jobs(fakes), [1, 3])
      for (const number of [1, 3]) yield* finish(fakes, number)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
    }, Effect.scoped)
  )

  it.effect(
    "lets one request lie ready behind each long run, and no second one",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const scheduler = yield* open(yield* Fakes.pool(fakes, { count: 2, places: 8, quick: false }))
      for (let i = 1; i <= 6; i++) yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true })
      assert.deepStrictEqual(jobs(fakes), [1, 2])
      assert.deepStrictEqual(scheduler.depth(), { waiting: 4, running: 2 })
      assert.strictEqual(fakes.mostAtOnce, 2)
      // It runs at once, before this thread has heard of the end of the one before it.
      Fakes.running(fakes).find((run) => run.job === 1)!.finish()
      assert.deepStrictEqual(jobs(fakes), [2, 3])
      yield* settle
      for (const number of [3, 2, 4, 5, 6]) yield* finish(fakes, number)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
    }, Effect.scoped)
  )

  it.effect(
    "starts again, in order, what lay ready at an instance that was lost",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* make(1, {}, 3)
      const fibers = []
      for (let i = 1; i <= 5; i++) {
        fibers.push(yield* Effect.forkChild(Effect.exit(scheduler.submit(job(i))), { startImmediately: true }))
      }
      fakes.open.get(0)!.crash("test")
      yield* settle
      assert.deepStrictEqual(scheduler.depth(), { waiting: 5, running: 0 })
      yield* TestClock.adjust("100 millis")
      yield* settle
      for (let i = 1; i <= 5; i++) yield* finish(fakes, i)
      const exits = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(exits.map((exit) => exit._tag), ["Success", "Success", "Success", "Success", "Success"])
    }, Effect.scoped)
  )

  it.effect(
    "does not try a lost instance again before its loss is told",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1 })
      let tries = 0
      let lent = 0
      const dead: Instances = {
        ...pool,
        lend: Effect.map(pool.lend, (instance) => ({
          ...instance,
          start: (inputs, outputs, done) => {
            if (lent++ > 0) return instance.start(inputs, outputs, done)
            tries++
            done(Exit.fail(new InstanceLost({ message: "gone", model: "m", instance: "m_0", begun: false })))
            return { withdraw: () => false }
          }
        }))
      }
      const scheduler = yield* open(dead)
      const fiber = yield* Effect.forkChild(scheduler.submit(job(1)), { startImmediately: true })
      yield* settle
      assert.strictEqual(tries, 1)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 1, running: 0 })
      fakes.open.get(0)!.crash("test")
      yield* TestClock.adjust("100 millis")
      yield* settle
      yield* finish(fakes, 1)
      yield* Fiber.join(fiber)
    }, Effect.scoped)
  )

  it.effect(
    "waits for a permit that somebody else of the same instances holds",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1 })
      assert.isTrue(yield* pool.slots.takeIfAvailable(1))
      const scheduler = yield* open(pool)
      const fiber = yield* Effect.forkChild(scheduler.submit(job(1)), { startImmediately: true })
      yield* settle
      assert.deepStrictEqual(scheduler.depth(), { waiting: 1, running: 0 })
      yield* pool.slots.release(1)
      // Comes while the permit is free and the line has not been told: it must not overtake.
      const later = yield* Effect.forkChild(scheduler.submit(job(2)), { startImmediately: true })
      yield* settle
      assert.deepStrictEqual(jobs(fakes), [1])
      yield* finish(fakes, 1)
      yield* finish(fakes, 2)
      yield* Fiber.joinAll([fiber, later])
    }, Effect.scoped)
  )

  it.effect(
    "refuses new requests while it closes, and waits for those accepted",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1 })
      const scope = yield* Scope.make()
      const scheduler = yield* Scope.provide(open(pool), scope)
      const fibers = []
      for (let i = 1; i <= 2; i++) {
        fibers.push(yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true }))
      }
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      assert.strictEqual((yield* Effect.flip(scheduler.submit(job(3))))._tag, "Stopping")
      yield* finish(fakes, 1)
      assert.strictEqual(closing.pollUnsafe(), undefined)
      yield* finish(fakes, 2)
      yield* Fiber.joinAll(fibers)
      yield* Fiber.join(closing)
    }, Effect.scoped)
  )

  it.effect(
    "serves a long line of runs that end at once without a deep stack",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1 })
      const instant: Instances = {
        ...pool,
        lend: Effect.map(pool.lend, (lent) => ({
          ...lent,
          start: (inputs, _outputs, done) => {
            done(Exit.succeed({
              outputs: inputs,
              begunAtNanos: 0,
              computeInputNanos: 0,
              computeInferNanos: 0,
              computeOutputNanos: 0,
              release: () => {}
            }))
            return { withdraw: () => false }
          }
        }))
      }
      yield* pool.slots.takeIfAvailable(1)
      const scheduler = yield* open(instant, { maxQueueSize: 20_000 })
      const fibers = []
      for (let i = 0; i < 20_000; i++) {
        fibers.push(yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true }))
      }
      yield* pool.slots.release(1)
      const results = yield* Fiber.joinAll(fibers)
      assert.strictEqual(results.length, 20_000)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
      assert.strictEqual(fakes.open.size, 1)
    }, Effect.scoped)
  )

  const quiet = Layer.mergeAll(TestClock.layer(), Logger.layer([]))

  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ _tag: "Arrive" } as const) },
    { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Finish" as const), which: fc.nat(9) }) },
    { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Cancel" as const), which: fc.nat(99) }) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Crash" as const), which: fc.nat(9) }) },
    {
      weight: 2,
      arbitrary: fc.record({ _tag: fc.constant("Pass" as const), millis: fc.integer({ min: 1, max: 500 }) })
    }
  )

  it.effect("answers each request once, in order, one at a time on an instance, whatever happens", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 3 }),
          fc.integer({ min: 1, max: 3 }),
          fc.array(step, { minLength: 1, maxLength: 60 }),
          fc.boolean(),
          (count, places, steps, together) =>
            Effect.runPromise(Effect.provide(schedule(count, places, steps, together), quiet))
        ),
        { numRuns: 300, seed: 4 }
      )
    ))

  type Step = { readonly _tag: "Arrive" } | { readonly _tag: "Finish" | "Cancel" | "Crash"; readonly which: number } | {
    readonly _tag: "Pass"
    readonly millis: number
  }

  /** `together`: steps follow each other without letting fibers run in between. */
  const schedule = Effect.fnUntraced(function*(
    count: number,
    places: number,
    steps: ReadonlyArray<Step>,
    together: boolean
  ) {
    const maxQueueSize = 6
    const { fakes, scheduler } = yield* make(count, { maxQueueSize }, places)
    const callers: Array<Fiber.Fiber<unknown, unknown>> = []
    const answers: Array<number> = []
    for (const next of steps) {
      const running = Fakes.running(fakes)
      switch (next._tag) {
        case "Arrive": {
          const number = callers.length
          answers.push(0)
          callers.push(
            yield* Effect.forkChild(
              Effect.tap(
                Effect.onExit(
                  Effect.exit(scheduler.submit(job(number))),
                  () => Effect.sync(() => void answers[number]!++)
                ),
                (exit) => Effect.sync(() => Exit.isSuccess(exit) && exit.value.release())
              ),
              { startImmediately: true }
            )
          )
          break
        }
        case "Finish":
          if (running.length > 0) running[next.which % running.length]!.finish()
          break
        case "Cancel":
          if (callers.length > 0) yield* Effect.forkChild(Fiber.interrupt(callers[next.which % callers.length]!))
          break
        case "Crash": {
          const open = [...fakes.open.values()]
          if (open.length > 0) open[next.which % open.length]!.crash("test")
          break
        }
        case "Pass":
          yield* TestClock.adjust(next.millis)
      }
      if (!together) yield* settle
      const depth = scheduler.depth()
      // What a lost instance gives back comes on top of those accepted since.
      if (!steps.some((step) => step._tag === "Crash")) assert.isAtMost(depth.waiting, maxQueueSize)
      assert.isAtMost(depth.running, count)
    }
    for (let rounds = 0; rounds < 100 && answers.some((times) => times === 0); rounds++) {
      for (const run of Fakes.running(fakes)) run.finish()
      yield* settle
      yield* TestClock.adjust("1 minute")
      yield* settle
    }
    assert.isTrue(answers.every((times) => times === 1), `answers: ${answers}`)
    assert.isAtMost(fakes.mostAtOnce, places)
    const started = fakes.log.filter((entry) => entry.startsWith("run ")).map((entry) => Number(entry.slice(4)))
    // What lies ready at one of several instances may be overtaken by what lies ready at another.
    const firsts = [...new Set(started)]
    if (count === 1 || places === 1) assert.deepStrictEqual(firsts, firsts.toSorted((a, b) => a - b))
    // Whose instance was lost runs once more.
    const crashed = steps.some((step) => step._tag === "Crash")
    for (const number of firsts) {
      assert.isAtMost(started.filter((other) => other === number).length, crashed ? 2 : 1)
    }
    assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
    assert.strictEqual(fakes.unreleased, 0)
  }, Effect.scoped)
})
