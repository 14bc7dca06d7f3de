import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { settledAfter } from "../../src/layers/execution/internal/MemoryWatch.ts"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import { queueOptions } from "../scheduling/QueueOptions.ts"
import * as Fakes from "./FakeInstances.ts"

const { settle } = Fakes
const megabyte = 1024 * 1024

const job = (number: number, deadlineMicros = 0) => ({
  inputs: [Fakes.job(number)],
  outputs: [],
  batchSize: 1,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros
})

/** Runs once on the pool, to its end. */
const answer = Effect.fnUntraced(function*(fakes: Fakes.Fakes, pool: Effect.Success<ReturnType<typeof Fakes.pool>>) {
  const run = yield* Effect.forkChild(pool.run([Fakes.job(1)], []))
  yield* settle
  Fakes.running(fakes)[0]!.finish()
  const result = yield* Fiber.join(run)
  result.release()
})

const pass = (duration: string) => Effect.andThen(TestClock.adjust(duration as "1 second"), settle)

/** Collects what is logged. */
const logged = (lines: Array<string>) =>
  Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))])

describe("the time of a run", () => {
  it.effect(
    "ends an instance at the limit, whenever its run has begun, and says where the limit comes from",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 2, maxRunNanos: 50_000_000 })
      yield* pass("20 millis")
      const first = yield* Effect.forkChild(Effect.exit(pool.run([Fakes.job(1)], [])))
      yield* pass("30 millis")
      const second = yield* Effect.forkChild(Effect.exit(pool.run([Fakes.job(2)], [])))
      yield* pass("19 millis")
      assert.isUndefined(first.pollUnsafe())
      yield* pass("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      yield* pass("29 millis")
      assert.isUndefined(second.pollUnsafe())
      yield* pass("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(second)))
      const { lastLoss, losses, lossesBy } = pool.condition()
      assert.deepStrictEqual([losses, lossesBy.run_timeout], [2, 2])
      assert.strictEqual(lastLoss, "it did not answer within 50ms (parameter galatea.max_run_microseconds)")
    }, Effect.scoped)
  )

  it.effect(
    "is not limited where nothing says so",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1, stallTimeout: "1 second", maxRunNanos: Infinity })
      const run = yield* Effect.forkChild(pool.run([Fakes.job(1)], []))
      yield* pass("1 hour")
      Fakes.running(fakes)[0]!.finish()
      yield* Fiber.join(run)
    }, Effect.scoped)
  )
})

describe("the memory of an instance", () => {
  it.effect(
    "ends one at once that has more than it may have",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 2, maxMemoryBytes: 10 * megabyte })
      fakes.open.get(0)!.memoryBytes = 10 * megabyte
      fakes.open.get(1)!.memoryBytes = 11 * megabyte
      yield* pass("1 second")
      assert.deepStrictEqual([...fakes.open.keys()], [0])
      const { lastLoss, lossesBy, memoryBytes } = pool.condition()
      assert.strictEqual(lossesBy.memory, 1)
      assert.strictEqual(
        lastLoss,
        "its process has 11.0 MB, and 10.0 MB is the limit (--instance-max-memory-megabytes)"
      )
      assert.deepStrictEqual([...memoryBytes], [["m_0", 10 * megabyte]])
    }, Effect.scoped)
  )

  const boundless = (options: Omit<Parameters<typeof Fakes.pool>[1], "count">) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      yield* Effect.scoped(Fakes.pool(Fakes.make(), { count: 2, ...options })).pipe(Effect.provide(logged(lines)))
      return lines
    })

  it.effect(
    "is said not to be bounded where no instance has a process, once for each bound",
    Effect.fnUntraced(function*() {
      const rest =
        " has no effect on model 'm': it is for models in processes only, and its instances have none of their own " +
        "(parameter galatea.isolation 'process', or --model-isolation=process)"
      assert.deepStrictEqual(
        yield* boundless({
          inThreads: true,
          ownMaxMemoryBytes: megabyte,
          maxGrowthBytes: megabyte,
          isolation: "process"
        }),
        [`Warn parameter galatea.max_memory_megabytes${rest}`, `Warn --instance-max-growth-megabytes${rest}`]
      )
      assert.deepStrictEqual(yield* boundless({ ownMaxMemoryBytes: megabyte, maxGrowthBytes: megabyte }), [])
      // The server itself has said so at its start.
      assert.deepStrictEqual(yield* boundless({ inThreads: true, maxGrowthBytes: megabyte }), [])
      assert.deepStrictEqual(yield* boundless({ inThreads: true }), [])
    })
  )

  it.effect(
    "is said at the start not to be bounded outside processes",
    Effect.fnUntraced(function*() {
      const lines: Array<string> = []
      const start = (options: OnnxExecutor.Options) =>
        Effect.scoped(Layer.build(OnnxExecutor.layerWith(options).pipe(Layer.provide(SharedTensorMemory.layer)))).pipe(
          Effect.provide(logged(lines))
        )
      yield* start({ maxMemoryBytes: megabyte, isolation: "process" })
      yield* start({})
      assert.deepStrictEqual(lines, [])
      yield* start({ maxMemoryBytes: megabyte })
      assert.deepStrictEqual(lines, [
        "Warn --instance-max-memory-megabytes has an effect on models in processes only, and models of this server run elsewhere " +
        "(--model-isolation=thread) unless they have the parameter galatea.isolation 'process'"
      ])
    })
  )

  const grow = Effect.fnUntraced(function*(fakes: Fakes.Fakes, count: number, freeMemory: number) {
    const pool = yield* Fakes.pool(fakes, { count, maxGrowthBytes: 5 * megabyte, freeMemory: () => freeMemory })
    for (const fake of fakes.open.values()) fake.memoryBytes = 20 * megabyte
    return pool
  })

  for (
    const [what, free, order] of [
      ["opens another before it closes one that has grown", 100 * megabyte, ["open 0", "close 0"]],
      ["closes one that has grown first where memory is short", megabyte, ["close 0", "open 0"]]
    ] as const
  ) {
    it.effect(
      what,
      Effect.fnUntraced(function*() {
        const fakes = Fakes.make()
        const pool = yield* grow(fakes, 1, free)
        const scheduler = yield* DirectScheduler.open({ ...queueOptions("m"), instances: pool })
        const old = fakes.open.get(0)!
        for (let i = 0; i < settledAfter; i++) {
          const run = yield* Effect.forkChild(scheduler.submit(job(i)), { startImmediately: true })
          Fakes.running(fakes)[0]!.finish()
          ;(yield* Fiber.join(run)).release()
        }
        yield* pass("1 second")
        old.memoryBytes = 25 * megabyte
        yield* pass("2 seconds")
        assert.strictEqual(fakes.open.get(0), old)
        const begun = fakes.log.length
        const running = yield* Effect.forkChild(scheduler.submit(job(100)), { startImmediately: true })
        const last = old.running!
        old.memoryBytes = 25 * megabyte + 1
        yield* pass("1 second")
        const waiting = yield* Effect.forkChild(scheduler.submit(job(101)), { startImmediately: true })
        yield* settle
        last.finish()
        yield* settle
        ;(yield* Fiber.join(running)).release()
        yield* settle
        const next = fakes.open.get(0)!
        assert.notStrictEqual(next, old)
        assert.deepStrictEqual(fakes.log.slice(begun).filter((entry) => !entry.startsWith("run")), [...order])
        next.running!.finish()
        ;(yield* Fiber.join(waiting)).release()
        assert.deepStrictEqual([pool.condition().recycled, pool.condition().losses], [1, 0])
        assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
      }, Effect.scoped)
    )
  }

  it.effect(
    "keeps one that has grown where no other can be opened",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* grow(fakes, 1, 100 * megabyte)
      for (let i = 0; i < settledAfter; i++) yield* answer(fakes, pool)
      yield* pass("1 second")
      fakes.open.get(0)!.memoryBytes = 40 * megabyte
      fakes.failures = 1
      yield* pass("1 second")
      yield* answer(fakes, pool)
      assert.strictEqual(pool.condition().recycled, 0)
      yield* pass("59 seconds")
      assert.strictEqual(pool.condition().recycled, 0)
      yield* pass("2 seconds")
      assert.strictEqual(pool.condition().recycled, 1)
      yield* answer(fakes, pool)
    }, Effect.scoped)
  )
})

describe("the circuit breaker", () => {
  const breaker = { losses: 3, windowNanos: 60_000_000_000n, pauseNanos: 30_000_000_000n }

  /** Loses the only instance three times before it has answered. */
  const fail = Effect.fnUntraced(function*(fakes: Fakes.Fakes) {
    for (const delay of ["100 millis", "200 millis", "400 millis"]) {
      fakes.open.get(0)!.crash("segmentation fault")
      yield* settle
      yield* pass(delay)
    }
  })

  it.effect(
    "lets an instance be opened again at once that has answered and stayed up, however often",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1, breaker })
      for (let i = 0; i < 10; i++) {
        yield* answer(fakes, pool)
        yield* pass("1 second")
        fakes.open.get(0)!.crash("test")
        yield* settle
        assert.strictEqual(fakes.open.size, 1)
      }
      assert.deepStrictEqual([pool.condition().losses, pool.condition().pausedUntilNanos], [10, undefined])
      assert.strictEqual(pool.condition().restartNanos, 0)
    }, Effect.scoped)
  )

  it.effect(
    "opens after losses without an answer, refuses what waits and what comes, and lets one instance try after the pause",
    () => {
      const lines: Array<string> = []
      return Effect.gen(function*() {
        const fakes = Fakes.make()
        const pool = yield* Fakes.pool(fakes, { count: 1, breaker })
        const options = queueOptions("m")
        const scheduler = yield* DirectScheduler.open({ ...options, instances: pool })
        yield* fail(fakes)
        assert.strictEqual(fakes.open.size, 0)
        assert.isFalse(pool.healthy())
        const refused = yield* Effect.flip(scheduler.submit(job(1)))
        assert.strictEqual(refused._tag, "ModelSuspended")
        assert.match(
          refused.message,
          /^model 'm' is suspended after 3 losses .* for another \d+ ms; the last was: segmentation fault; try again then$/
        )
        assert.strictEqual(options.statistics.counts().refusals.suspended, 1)
        yield* pass("29 seconds")
        assert.strictEqual(fakes.open.size, 0)
        yield* pass("1 second")
        assert.strictEqual(fakes.open.size, 1)
        assert.isTrue(pool.healthy())
        const run = yield* Effect.forkChild(scheduler.submit(job(2)), { startImmediately: true })
        Fakes.running(fakes)[0]!.finish()
        ;(yield* Fiber.join(run)).release()
        assert.isDefined(pool.condition().pausedUntilNanos)
        yield* pass("50 millis")
        assert.isUndefined(pool.condition().pausedUntilNanos)
        const told = lines.filter((line) => !line.startsWith("Warn"))
        assert.match(
          told[0]!,
          /^Error 3 losses of instances of model 'm' .* 30s, then one on trial.*segmentation fault$/
        )
        assert.deepStrictEqual(told.slice(1), [
          "Info one instance of model 'm' is started on trial",
          "Info instances of model 'm' are started as usual again"
        ])
        assert.strictEqual(lines.filter((line) => line.startsWith("Warn")).length, 3)
      }).pipe(Effect.scoped, Effect.provide(logged(lines)))
    }
  )

  it.effect(
    "answers what waited for an instance that is not started any more",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1, breaker: { ...breaker, losses: 1 } })
      const options = queueOptions("m")
      const scheduler = yield* DirectScheduler.open({ ...options, instances: pool })
      const running = yield* Effect.forkChild(Effect.flip(scheduler.submit(job(1))), { startImmediately: true })
      const waiting = yield* Effect.forkChild(Effect.flip(scheduler.submit(job(2))), { startImmediately: true })
      fakes.open.get(0)!.crash("test")
      yield* settle
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "ModelSuspended")
      assert.strictEqual((yield* Fiber.join(running))._tag, "ModelSuspended")
      assert.strictEqual(options.statistics.counts().failures.OTHER, 2)
    }, Effect.scoped)
  )

  it.effect(
    "pauses again where the instance on trial is lost, and closes while it waits",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Fakes.pool(fakes, { count: 1, breaker }), scope)
      yield* fail(fakes)
      yield* pass("30 seconds")
      fakes.open.get(0)!.crash("again")
      yield* settle
      yield* pass("29 seconds")
      assert.strictEqual(fakes.open.size, 0)
      fakes.failures = 1
      yield* pass("1 second")
      assert.deepStrictEqual([fakes.open.size, fakes.failures], [0, 0])
      yield* pass("30 seconds")
      assert.strictEqual(fakes.open.size, 1)
      yield* pass("30 seconds")
      assert.isUndefined(pool.condition().pausedUntilNanos)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(fakes.open.size, 0)
    })
  )

  it.effect(
    "goes on with the instances that are up",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 2, breaker })
      yield* fail(fakes)
      assert.isDefined(pool.condition().pausedUntilNanos)
      assert.deepStrictEqual([pool.condition().live, pool.healthy(), pool.suspension.current()], [1, true, undefined])
      yield* answer(fakes, pool)
    }, Effect.scoped)
  )
})

describe("a run whose instance is lost", () => {
  const open = Effect.fnUntraced(function*(count: number, draft: Parameters<typeof queueOptions>[1] = {}) {
    const fakes = Fakes.make()
    const pool = yield* Fakes.pool(fakes, { count })
    const options = queueOptions("m", draft)
    return { fakes, options, scheduler: yield* DirectScheduler.open({ ...options, instances: pool }) }
  })

  it.effect(
    "is run once more on another instance, and then no more",
    Effect.fnUntraced(function*() {
      const { fakes, options, scheduler } = yield* open(3)
      const run = yield* Effect.forkChild(Effect.flip(scheduler.submit(job(1))), { startImmediately: true })
      const crash = () => [...fakes.open.values()].find(({ running }) => running?.job === 1)!.crash("poison")
      crash()
      yield* settle
      assert.deepStrictEqual(fakes.log.filter((entry) => entry === "run 1").length, 2)
      assert.isUndefined(run.pollUnsafe())
      crash()
      yield* settle
      assert.strictEqual((yield* Fiber.join(run))._tag, "InstanceLost")
      assert.strictEqual(fakes.log.filter((entry) => entry === "run 1").length, 2)
      const { failures, retries } = options.statistics.counts()
      assert.deepStrictEqual([retries, failures.BACKEND], [1, 1])
    }, Effect.scoped)
  )

  it.effect(
    "fails at once where the model says so, and after its deadline",
    Effect.fnUntraced(function*() {
      for (
        const [draft, deadline] of [
          [{ parameters: { "galatea.retry": { string_value: "false" } } }, 0],
          [{ backend: "custom" }, 0],
          [{}, 5000]
        ] as const
      ) {
        const { fakes, options, scheduler } = yield* open(2, draft)
        const run = yield* Effect.forkChild(Effect.flip(scheduler.submit(job(1, deadline))), { startImmediately: true })
        yield* pass("5 millis")
        ;[...fakes.open.values()].find(({ running }) => running !== undefined)!.crash("test")
        yield* settle
        assert.strictEqual((yield* Fiber.join(run))._tag, "InstanceLost")
        assert.strictEqual(options.statistics.counts().retries, 0)
      }
    }, Effect.scoped)
  )

  it.effect(
    "waits for an instance no longer than its deadline",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open(1)
      const run = yield* Effect.forkChild(Effect.flip(scheduler.submit(job(1, 50_000))), { startImmediately: true })
      yield* pass("20 millis")
      fakes.open.get(0)!.crash("test")
      yield* pass("29 millis")
      assert.isUndefined(run.pollUnsafe())
      yield* pass("1 millis")
      assert.strictEqual((yield* Fiber.join(run))._tag, "DeadlineExceeded")
    }, Effect.scoped)
  )
})
