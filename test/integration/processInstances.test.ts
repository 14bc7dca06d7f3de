import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import type { InstanceLost } from "../../src/schema/Errors.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import { type ExecutionResult, Executor, type LentInstance } from "../../src/services/Executor.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import * as Children from "../execution/Children.ts"
import { hostFaults } from "../execution/Faults.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { identityPlan, rows } from "../suites/executorSuite.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-execution-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, "identity.onnx")
writeFileSync(path, Models.identity("FP32"))
const hostile = join(folder, "hostile.onnx")
writeFileSync(hostile, Models.identity("FP32"))

const layerWith = (options: OnnxExecutor.Options) =>
  OnnxExecutor.layerWith({ isolation: "process", ...options }).pipe(Layer.provideMerge(SharedTensorMemory.layer))
const layer = layerWith({ heartbeatTimeout: "2 seconds" })
/** Until it is over a process must have started, on a machine that does much else. */
const stallTimeout = "8 seconds"
const faulty = layerWith({ host: new URL("../execution/FaultyHost.ts", import.meta.url), stallTimeout })

/** Starts a run; the effect waits for its end. */
const started = (lent: LentInstance, first: number, count = 1) => {
  const ended = Deferred.makeUnsafe<Exit.Exit<unknown, unknown>>()
  lent.start([rows(count, first)], ["OUTPUT0"], (exit) => Deferred.doneUnsafe(ended, Exit.succeed(exit)))
  return Effect.map(Deferred.await(ended), (exit) => exit as Exit.Exit<ExecutionResult, InstanceLost>)
}

const failureOf = (exit: Exit.Exit<ExecutionResult, InstanceLost>) => Effect.flip(exit)

const openDescriptors = () =>
  readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return []
    }
  })

describe.runIf(process.platform === "linux")("instances in processes", () => {
  for (const signal of ["SIGKILL", "SIGSEGV", "SIGSTOP"] as const) {
    it.live(`are lost alone, and come back, after ${signal}`, () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const before = Children.pids()
        const instances = yield* executor.open(identityPlan(path))
        const pid = Children.pids().find((pid) => !before.includes(pid))
        yield* Effect.scoped(Effect.gen(function*() {
          const lent = yield* instances.lend
          process.kill(pid!, signal)
          const error = yield* failureOf(yield* started(lent, 1, 2))
          assert.strictEqual(error._tag, "InstanceLost")
          assert.match(
            error.message,
            signal === "SIGSTOP" ? /no heartbeat for \d+ ms/ : new RegExp(`ended by ${signal}`)
          )
          yield* lent.lost
        }))
        const result = yield* instances.run([rows(3, 7)], ["OUTPUT0"])
        assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(3, 7).data)
        assert.notInclude(Children.pids(), pid)
      }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)
  }

  it.live("say the last words of their process, bounded, and which run it was in", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const memory = yield* TensorMemory
      const instances = yield* executor.open(identityPlan(path))
      yield* Effect.scoped(Effect.gen(function*() {
        const lent = yield* instances.lend
        // Makes it known as quick, so that the next ones are sent together.
        for (let round = 0; round < 40 && !lent.quick(); round++) yield* Effect.flatten(started(lent, 1))
        const [first, second] = [started(lent, hostFaults.abort), started(lent, 1)]
        const error = yield* failureOf(yield* first)
        const { lastLoss } = instances.condition!()
        assert.match(lastLoss!, /^its process was ended by SIGABRT; its last words: .*free\(\): invalid pointer/s)
        assert.isBelow(lastLoss!.length, 5000)
        assert.include(error.message, "its process was ended by SIGABRT; the instance is being restarted, try again")
        assert.isTrue(error.begun)
        assert.isFalse((yield* failureOf(yield* second)).begun)
      }))
      yield* instances.run([rows(1)], ["OUTPUT0"])
      assert.strictEqual(memory.usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(faulty)), 60_000)

  it.live("are started again, without a word, where a signal to the whole group ends them while they start", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const executor = yield* Executor
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        const strike = (before: ReadonlyArray<number>) => {
          const pid = Children.pids().find((pid) => !before.includes(pid))!
          process.kill(pid, signal)
          return pid
        }
        let before = Children.pids()
        const opening = yield* Effect.forkChild(executor.open(identityPlan(path)), { startImmediately: true })
        const pid = strike(before)
        const instances = yield* Fiber.join(opening)
        assert.notInclude(Children.pids(), pid)
        const result = yield* instances.run([rows(3, 7)], ["OUTPUT0"])
        result.release()
        before = Children.pids()
        const looking = yield* Effect.forkChild(executor.inspect({ model: "m", path: hostile }), {
          startImmediately: true
        })
        strike(before)
        assert.strictEqual((yield* Fiber.join(looking)).inputs.length, 1)
      }
      assert.deepStrictEqual(lines, [])
    }).pipe(
      Effect.scoped,
      Effect.provide([
        layer,
        Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])
      ])
    )
  }, 60_000)

  it.live(
    "begin in the process that has looked at their model, each model in one of its own",
    () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const another = join(folder, "another.onnx")
        writeFileSync(another, Models.identity("FP32"))
        const before = Children.pids()
        const news = () => Children.pids().filter((pid) => !before.includes(pid))
        yield* executor.inspect({ model: "m", path })
        const [looked, ...more] = news()
        assert.deepStrictEqual(more, [])
        const other = yield* executor.open(identityPlan(another))
        assert.strictEqual(news().length, 2)
        const instances = yield* executor.open(identityPlan(path, { instances: 2 }))
        assert.strictEqual(news().length, 3)
        assert.include(news(), looked)
        for (const one of [instances, other]) {
          const result = yield* one.run([rows(3, 7)], ["OUTPUT0"])
          assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(3, 7).data)
          result.release()
        }
        yield* executor.inspect({ model: "m", path })
        assert.strictEqual(news().length, 4)
        return news
      }).pipe(
        Effect.scoped,
        Effect.provide(layer),
        // The one that was kept ends with the executor.
        Effect.map((news) => assert.deepStrictEqual(news(), []))
      ),
    60_000
  )

  it.live("are ended when a run takes too long", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const before = Children.pids()
      const instances = yield* executor.open(identityPlan(path))
      const pid = Children.pids().find((pid) => !before.includes(pid))
      const error = yield* Effect.flip(instances.run([rows(1, hostFaults.never)], ["OUTPUT0"]))
      assert.strictEqual(error._tag, "InstanceLost")
      assert.include(error.message, "it did not answer within 8s")
      yield* instances.run([rows(1)], ["OUTPUT0"])
      assert.notInclude(Children.pids(), pid)
    }).pipe(Effect.scoped, Effect.provide(faulty)), 60_000)

  it.live("keep a model that ends whatever looks at it from ending more", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const looked = yield* Effect.flip(executor.inspect({ model: "m", path: hostile }))
      assert.match(looked.message, /^failed to load 'm' from '.*hostile\.onnx': its process was ended by SIGABRT/)
      const opened = yield* Effect.flip(Effect.scoped(executor.open({ ...identityPlan(hostile), model: "m" })))
      assert.match(opened.message, /'m' version 1 .*SIGABRT/)
    }).pipe(Effect.provide(faulty)), 60_000)

  it.live("take tensors of any length through the file", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      for (const width of [16_385, 16_383, 20_000]) {
        const file = join(folder, `identity-${width}.onnx`)
        writeFileSync(file, Models.identity("FP32", ["batch", width]))
        yield* Effect.scoped(Effect.gen(function*() {
          const instances = yield* executor.open(identityPlan(file, { shape: [-1, width] }))
          const input = Tensors.from("INPUT0", [1, width], Float32Array.from({ length: width }, (_, i) => i))
          const result = yield* instances.run([input], ["OUTPUT0"])
          assert.isTrue(Buffer.from(result.outputs[0]!.data).equals(Buffer.from(input.data)))
          result.release()
        }))
      }
    }).pipe(Effect.provide(layer)), 60_000)

  it.live(
    "that cannot be started are refused with what the system says, and the server goes on",
    () =>
      Effect.gen(function*() {
        const program = fileURLToPath(new URL("../execution/NoDescriptors.ts", import.meta.url))
        const { status, stderr, stdout } = spawnSync("sh", [
          "-c",
          `ulimit -n 60; exec "$0" "$1"`,
          process.execPath,
          program
        ], {
          encoding: "utf8",
          timeout: 30_000
        })
        assert.strictEqual(status, 0, stderr)
        assert.match(stdout, /^first: its process could not be started: .*EMFILE: .*ulimit -n/m)
        assert.match(stdout, /^second: its process could not be started: .*EMFILE/m)
        assert.match(stdout, /^the process that looks for GPUs could not be started: .*EMFILE: .*ulimit -n/m)
        assert.match(stdout, /^thread: failed to load .*: its worker failed: .*EMFILE: .*ulimit -n/m)
        assert.match(stdout, /^failed to open directory \/tmp: too many open files \(EMFILE\): .*ulimit -n/m)
        assert.match(stdout, /^no more$/m)
      }),
    60_000
  )

  it.live("leave no process, no descriptor and no file behind, however they end", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const memory = yield* TensorMemory
      const count = () => ({
        processes: Children.pids().length,
        descriptors: openDescriptors().filter((target) => !target.startsWith("anon_inode")).length,
        files: readdirSync("/dev/shm").filter((name) => name.startsWith(`galatea-tensors-${process.pid}-`)).length
      })
      const life = (fault: number | undefined) =>
        Effect.scoped(Effect.gen(function*() {
          const instances = yield* executor.open(identityPlan(path))
          const large = yield* instances.run([rows(40_000, 5)], ["OUTPUT0"])
          assert.isTrue(Buffer.from(large.outputs[0]!.data).equals(rows(40_000, 5).data))
          large.release()
          if (fault !== undefined) yield* Effect.flip(instances.run([rows(1, fault)], ["OUTPUT0"]))
        }))
      yield* life(undefined)
      const before = count()
      for (let round = 0; round < 6; round++) yield* life(round % 2 === 0 ? undefined : hostFaults.abort)
      assert.deepStrictEqual(count(), before)
      assert.strictEqual(memory.usage().inUse, 0)
    }).pipe(Effect.provide(faulty)), 120_000)
})
