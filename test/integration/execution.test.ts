/** The executor with real threads, real time and real failures. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Option, Schedule, Scope } from "effect"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import type { InstanceLost } from "../../src/schema/Errors.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import { Executor, type Instances, type RunFailure } from "../../src/services/Executor.ts"
import { type Job, Scheduler } from "../../src/services/Scheduler.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import { faults } from "../execution/Faults.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { queueOptions } from "../scheduling/QueueOptions.ts"
import { identityPlan, rows } from "../suites/executorSuite.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-execution-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, bytes: Uint8Array) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const identityFile = file("identity.onnx", Models.identity("FP32"))
const slowFile = file("slow.onnx", Models.slow(6000))

const quiet = Logger.layer([])
const memory = SharedTensorMemory.layer
const layer = Layer.mergeAll(
  OnnxExecutor.layerWith({ isolation: "thread" }).pipe(Layer.provideMerge(memory)),
  DirectScheduler.layer,
  quiet
)
const faulty = (options: OnnxExecutor.Options = {}) =>
  OnnxExecutor.layerWith({
    worker: new URL("../execution/FaultyWorker.ts", import.meta.url),
    isolation: "thread",
    workerHeapMegabytes: 32,
    restart: Schedule.spaced("10 millis"),
    ...options
  }).pipe(Layer.provideMerge(memory), Layer.provideMerge(quiet))

const threads = () => readdirSync("/proc/self/task").length
const linux = process.platform === "linux"

/** Runs until an instance is there again. */
const eventually = (instances: Instances, input: Tensor) =>
  Effect.retry(instances.slots.withPermit(instances.run([input], ["OUTPUT0"])), Schedule.spaced("5 millis")).pipe(
    Effect.timeout("20 seconds")
  )

const jobOf = (input: Tensor): Job => ({
  inputs: [input],
  outputs: ["OUTPUT0"],
  batchSize: 1,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0
})

describe("execution", () => {
  it.live("takes back what has not begun, and runs the rest", () =>
    Effect.gen(function*() {
      const instances = yield* (yield* Executor).open(identityPlan(slowFile))
      const lent = yield* instances.lend
      const ended: Array<string> = []
      const both = Deferred.makeUnsafe<void>()
      const end = (name: string) => (exit: Exit.Exit<unknown, unknown>) => {
        ended.push(`${name} ${exit._tag}`)
        if (ended.length === 2) Deferred.doneUnsafe(both, Exit.void)
      }
      const large = rows(300_000)
      lent.start([rows(1)], ["OUTPUT0"], end("first"))
      const second = lent.start([large], ["OUTPUT0"], end("second"))
      lent.start([rows(2)], ["OUTPUT0"], end("third"))
      assert.isTrue(second.withdraw())
      yield* Deferred.await(both)
      assert.deepStrictEqual(ended, ["first Success", "third Success"])
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("tells what a lost instance had begun from what it had not", () =>
    Effect.gen(function*() {
      const instances = yield* (yield* Executor).open(identityPlan(identityFile))
      const lent = yield* instances.lend
      const ended: Array<InstanceLost> = []
      const end = (exit: Exit.Exit<unknown, RunFailure>) => {
        const failure = Exit.isFailure(exit) ? Option.getOrThrow(Cause.findErrorOption(exit.cause)) : undefined
        if (failure?._tag === "InstanceLost") ended.push(failure)
      }
      lent.start([rows(1, faults.exit)], ["OUTPUT0"], end)
      lent.start([rows(1)], ["OUTPUT0"], end)
      lent.start([rows(1)], ["OUTPUT0"], end)
      yield* lent.lost
      yield* Effect.yieldNow
      assert.deepStrictEqual(ended.map((failure) => failure.begun), [true, false, false])
      assert.include(ended[0]!.message, "was lost while it ran the request")
      assert.include(ended[1]!.message, "was lost before it ran the request")
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(faulty())))

  for (
    const [what, fault, reason] of [
      ["ends its thread", faults.exit, /ended with code 7/],
      ["has a bug", faults.uncaught, /met an error that nothing caught/],
      ["uses up its heap", faults.outOfMemory, /memory limit/],
      ["does not answer", faults.stall, /did not answer within/]
    ] as const
  ) {
    it.live(`a worker that ${what} fails only what ran in it, and comes back`, () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const pool = yield* TensorMemory
        const stricken = yield* executor.open(identityPlan(identityFile, { instances: 1 }))
        const other = yield* executor.open(identityPlan(identityFile, { instances: 1 }))
        for (let round = 0; round < 2; round++) {
          const victim = yield* Effect.forkChild(Effect.flip(stricken.run([rows(600, fault)], ["OUTPUT0"])), {
            startImmediately: true
          })
          for (let i = 0; i < 20; i++) {
            const result = yield* other.run([rows(600, i)], ["OUTPUT0"])
            assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(600, i).data)
            result.release()
          }
          const error = yield* Fiber.join(victim)
          assert.strictEqual(error._tag, "InstanceLost")
          assert.match(error.message, reason)
          assert.include(error.message, "'identity_0' of model 'identity'")
          const result = yield* eventually(stricken, rows(600, 5))
          assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(600, 5).data)
          result.release()
          assert.isTrue(stricken.healthy())
        }
        yield* Effect.retry(
          Effect.suspend(() => pool.usage().inUse === 0 ? Effect.void : Effect.fail("memory still in use")),
          { schedule: Schedule.spaced("5 millis"), times: 1000 }
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(faulty(fault === faults.stall ? { stallTimeout: "1 second" } : {}))
      ))
  }

  it.live("a run that throws fails alone, without a restart", () =>
    Effect.gen(function*() {
      const instances = yield* (yield* Executor).open(identityPlan(identityFile))
      const before = threads()
      const error = yield* Effect.flip(instances.run([rows(1, faults.throw)], ["OUTPUT0"]))
      assert.strictEqual(error._tag, "ExecutionFailed")
      assert.strictEqual(error.message, "onnx runtime error: the runtime says no")
      yield* instances.run([rows(1)], ["OUTPUT0"])
      assert.strictEqual(threads(), before)
    }).pipe(Effect.scoped, Effect.provide(faulty())))

  it.live("runs again without preallocated outputs when the runtime refuses them", () =>
    Effect.gen(function*() {
      const instances = yield* (yield* Executor).open(identityPlan(identityFile))
      for (const count of [1, 900]) {
        const result = yield* instances.run([rows(count, faults.refuseOutputs)], ["OUTPUT0"])
        assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(count, faults.refuseOutputs).data)
      }
    }).pipe(Effect.scoped, Effect.provide(faulty())))

  it.live("the main thread keeps going during a long run, which can be stopped only by its end", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open({ ...identityPlan(slowFile), model: "slow" })
      const warm = yield* instances.run([rows(1)], ["OUTPUT0"])
      assert.isAbove(warm.computeInferNanos, 100e6)
      let shortest = warm.computeInferNanos
      /** Turns of the event loop during a run, and its longest pause as a part of the run. */
      const observed = Effect.gen(function*() {
        let longest = 0
        let turns = 0
        let last = performance.now()
        const ticker = setInterval(() => {
          longest = Math.max(longest, performance.now() - last)
          last = performance.now()
          turns++
        }, 1)
        const { computeInferNanos } = yield* Effect.ensuring(
          instances.run([rows(1)], ["OUTPUT0"]),
          Effect.sync(() => clearInterval(ticker))
        )
        shortest = Math.min(shortest, computeInferNanos)
        return { turns, pause: longest * 1e6 / computeInferNanos }
      })
      // A machine that has much else to do makes pauses too, but not in every run.
      const { pause, turns } = yield* Effect.repeat(observed, {
        until: ({ pause, turns }) => turns > 10 && pause < 0.5,
        times: 9
      })
      assert.isAbove(turns, 10)
      assert.isBelow(pause, 0.5)
      const fiber = yield* Effect.forkChild(instances.slots.withPermit(instances.run([rows(1)], ["OUTPUT0"])), {
        startImmediately: true
      })
      const started = performance.now()
      yield* Fiber.interrupt(fiber)
      assert.isAbove(performance.now() - started, shortest / 1e6 / 4)
      assert.isTrue(yield* instances.slots.takeIfAvailable(1))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("waits for running work when it closes, and leaves no thread behind", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const before = threads()
      const scope = yield* Scope.make()
      const instances = yield* Scope.provide(
        executor.open({ ...identityPlan(slowFile, { instances: 2 }), model: "slow" }),
        scope
      )
      assert.isAtLeast(threads(), before + 2)
      const run = yield* Effect.forkChild(Effect.exit(instances.run([rows(1)], ["OUTPUT0"])), {
        startImmediately: true
      })
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(run)))
      yield* Effect.retry(
        Effect.suspend(() => threads() <= before ? Effect.void : Effect.fail("threads left")),
        { schedule: Schedule.spaced("10 millis"), times: 200 }
      )
    }).pipe(Effect.provide(layer)), { skip: !linux })

  it.live("gives a load up when its caller is interrupted", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const before = threads()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(executor.open(identityPlan(identityFile, { instances: 3 }))),
        {
          startImmediately: true
        }
      )
      yield* Fiber.interrupt(fiber)
      yield* Effect.retry(
        Effect.suspend(() => threads() <= before ? Effect.void : Effect.fail("threads left")),
        { schedule: Schedule.spaced("10 millis"), times: 500 }
      )
    }).pipe(Effect.provide(layer)), { skip: !linux })

  it.live("the fourth request of a model with three instances waits, and another model does not", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const scheduler = yield* Scheduler
      const slow = yield* executor.open({ ...identityPlan(slowFile, { instances: 3 }), model: "slow" })
      const quick = yield* executor.open(identityPlan(identityFile))
      const slowQueue = yield* scheduler.open({ ...queueOptions("m"), instances: slow })
      const quickQueue = yield* scheduler.open({ ...queueOptions("m"), instances: quick })
      const firstDone = yield* Deferred.make<void>()
      const fibers = []
      for (let i = 0; i < 4; i++) {
        fibers.push(
          yield* Effect.forkChild(
            Effect.tap(slowQueue.submit(jobOf(rows(1, i))), () => Deferred.succeed(firstDone, undefined)),
            { startImmediately: true }
          )
        )
      }
      assert.deepStrictEqual(slowQueue.depth(), { waiting: 1, running: 3 })
      for (let i = 0; i < 10; i++) yield* quickQueue.submit(jobOf(rows(1, i)))
      assert.isFalse(yield* Deferred.isDone(firstDone))
      const results = yield* Fiber.joinAll(fibers)
      results.forEach((result, i) => assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(1, i).data))
      assert.isBelow(results[0]!.queueNanos, results[3]!.queueNanos / 2)
      assert.isAbove(results[3]!.queueNanos, Math.min(...results.map((result) => result.computeInferNanos)) / 2)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("answers thousands of requests on two instances, each with its own bytes", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const scheduler = yield* Scheduler
      const instances = yield* executor.open(identityPlan(identityFile, { instances: 2 }))
      const queue = yield* scheduler.open({ ...queueOptions("m"), instances })
      yield* Effect.forEach(
        Array.from({ length: 5000 }, (_, index) => index),
        (index) => {
          const input = rows(index % 50 === 0 ? 700 : 1 + index % 3, index)
          return Effect.map(queue.submit(jobOf(input)), (result) => {
            assert.isTrue(Buffer.from(result.outputs[0]!.data).equals(input.data))
            result.release()
          })
        },
        { concurrency: 32, discard: true }
      )
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("ends with as much memory after forty times open, run and close as after ten", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const path = file("squeezenet.onnx", Models.squeezenetShape())
      const { inputs, outputs } = yield* executor.inspect({ model: "m", path })
      const spec = (tensor: (typeof inputs)[number]) => ({
        name: tensor.name,
        datatype: "FP32" as const,
        shape: tensor.shape
      })
      const shape = inputs[0]!.shape.map((dim) => dim < 0 ? 1 : dim)
      const input: Tensor = {
        name: inputs[0]!.name,
        datatype: "FP32",
        shape,
        data: new Uint8Array(shape.reduce((product, dim) => product * dim, 4))
      }
      const plan = { ...identityPlan(path), inputs: inputs.map(spec), outputs: outputs.map(spec) }
      const cycle = Effect.scoped(Effect.gen(function*() {
        const instances = yield* executor.open(plan)
        const result = yield* instances.run([input], outputs.map((output) => output.name))
        result.release()
      }))
      yield* Effect.repeat(cycle, { times: 9 })
      const before = process.memoryUsage().rss
      yield* Effect.repeat(cycle, { times: 29 })
      // One open session of this model takes about 20 MB: thirty leaked ones would take 600.
      assert.isBelow(process.memoryUsage().rss - before, 60e6)
    }).pipe(Effect.provide(layer)))

  it.live("does not keep the memory of outputs whose shape it cannot know", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const plan = identityPlan(file("wide.onnx", Models.identityFp32()), { shape: [-1, -1] })
      const instances = yield* executor.open(plan)
      const wide: Tensor = { name: "INPUT0", datatype: "FP32", shape: [1, 150_528], data: new Uint8Array(602_112) }
      const run = Effect.map(instances.run([wide], ["OUTPUT0"]), (result) => {
        assert.strictEqual(result.outputs[0]!.data.byteLength, 602_112)
        result.release()
      })
      yield* Effect.repeat(run, { times: 499 })
      const before = process.memoryUsage().rss
      yield* Effect.repeat(run, { times: 1499 })
      // The runs carry 900 MB in all.
      assert.isBelow(process.memoryUsage().rss - before, 200e6)
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
