/** Where models are put, with real sessions and real time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schedule, Scope } from "effect"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as StringTensor from "../../src/layers/execution/internal/StringTensor.ts"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import {
  Executor,
  type Instances,
  type LentInstance,
  type ModelPlan,
  type Placement,
  type TensorSpec
} from "../../src/services/Executor.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import { faults } from "../execution/Faults.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { queueOptions } from "../scheduling/QueueOptions.ts"
import { identityPlan, rows } from "../suites/executorSuite.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-inline-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, "identity.onnx")
writeFileSync(path, Models.identity("FP32"))

/** Rows of so many numbers are too long to be copied into memory that the runs share. */
const width = 2048
const simplePath = join(folder, "simple.onnx")
writeFileSync(simplePath, Models.simple({ shape: ["batch", width] }))
const specs = (names: ReadonlyArray<string>): ReadonlyArray<TensorSpec> =>
  names.map((name) => ({ name, datatype: "INT32", shape: [-1, width] }))
const simplePlan = {
  model: "simple",
  path: simplePath,
  inputs: specs(["INPUT0", "INPUT1"]),
  outputs: specs(["OUTPUT0", "OUTPUT1"]),
  operators: new Set(["Add", "Sub"])
}

/** Far more than a small model takes on a busy machine. */
const generous = { maxRunNanos: 1e9, maxOpenNanos: 10e9, turnNanos: 1e9 }
const layerWith = (options: OnnxExecutor.Options) =>
  OnnxExecutor.layerWith({ restart: Schedule.spaced("10 millis"), ...options }).pipe(
    Layer.provideMerge(SharedTensorMemory.layer)
  )

const placed = (instances: Instances): ReadonlyArray<Placement> =>
  (["inline", "thread", "process"] as const).filter((place) => instances.condition!().placed[place] > 0)

/** A run that must have ended when it was started. */
const atOnce = ({ start }: LentInstance, count: number) => {
  let ended: Exit.Exit<unknown, unknown> | undefined
  start([rows(count)], ["OUTPUT0"], (exit) => {
    ended = exit
    if (Exit.isSuccess(exit)) exit.value.release()
  })
  return ended
}

const open = Effect.fnUntraced(function*(changes: Partial<ModelPlan> = {}) {
  return yield* (yield* Executor).open({ ...identityPlan(path), ...changes })
})

describe("placement", () => {
  it.live("puts a small model on the main thread, where a run has ended when it was started", () =>
    Effect.gen(function*() {
      const instances = yield* open({ instances: identityPlan(path, { instances: 3 }).instances })
      assert.deepStrictEqual(instances.condition!().placed, { inline: 3, thread: 0, process: 0 })
      const lent = yield* instances.lend
      const run = atOnce(lent, 2)
      assert.isTrue(run !== undefined && Exit.isSuccess(run))
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: generous }))))

  it.live("puts off what would hold up the event loop, in the order of its start, and takes it back", () =>
    Effect.gen(function*() {
      const instances = yield* open({ maxBatchSize: 1 })
      const lent = yield* instances.lend
      // Longer than a turn: the next one waits.
      while (atOnce(lent, 100_000) !== undefined);
      assert.isFalse(lent.accepts())
      let ended = false
      const run = lent.start([rows(1)], ["OUTPUT0"], () => {
        ended = true
      })
      assert.isTrue(run.withdraw())
      assert.isFalse(run.withdraw())
      yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      assert.isTrue(lent.accepts())
      assert.isFalse(ended)
    }).pipe(
      Effect.scoped,
      Effect.provide(layerWith({ isolation: "inline", inline: { ...generous, turnNanos: 100_000 } }))
    ))

  it.live("takes a shape that its caller fills with other numbers for the next run", () =>
    Effect.gen(function*() {
      const instances = yield* open()
      const shape = [1, 16]
      for (const count of [1, 3, 2]) {
        shape[0] = count
        const input = { ...rows(count, count), shape }
        const { outputs: [output] } = yield* instances.run([input], ["OUTPUT0"])
        assert.deepStrictEqual(output!.shape, [count, 16])
        assert.deepStrictEqual(new Uint8Array(output!.data), input.data)
      }
    }).pipe(Effect.scoped, Effect.provide(layerWith({ isolation: "inline", inline: generous }))))

  it.live("refuses an output that is asked for twice, and never writes to memory that it has given back", () =>
    Effect.gen(function*() {
      const instances = yield* open(simplePlan)
      const memory = yield* TensorMemory
      const both = ["INPUT0", "INPUT1"].map((name, at): Tensor => ({
        name,
        datatype: "INT32",
        shape: [1, width],
        data: new Uint8Array(new Int32Array(width).fill(5 - at).buffer)
      }))
      const first = yield* instances.run(both, ["OUTPUT0", "OUTPUT1"])
      first.release()
      // What the run before wrote to belongs to others now.
      const theirs = Array.from({ length: 3 }, () => memory.acquire(4 * width))
      for (const { bytes } of theirs) bytes.fill(7)
      const error = yield* Effect.flip(instances.run(both, ["OUTPUT0", "OUTPUT0"]))
      assert.strictEqual(error.message, "output 'OUTPUT0' is asked for twice")
      for (const { bytes } of theirs) assert.isTrue(bytes.every((byte) => byte === 7))
      for (const region of theirs) region.release()
      const second = yield* instances.run(both, ["OUTPUT1"])
      assert.strictEqual(new Int32Array(second.outputs[0]!.data.slice().buffer)[width - 1], 1)
      second.release()
      assert.strictEqual(memory.usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layerWith({ isolation: "inline", inline: generous }))))

  it.live("leaves in threads what is too long, and says why where it was asked for", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(placed(yield* open()), ["thread"])
      const error = yield* Effect.flip(open({ isolation: "inline" }))
      assert.match(
        error.message,
        /^failed to load 'identity' version 1 from '.*': it cannot run on the main thread, which is asked for with 'inline': a run takes .* µs, of at most 0 µs \(--inline-turn-microseconds\)\. Let it run elsewhere: set galatea\.isolation, or --model-isolation, to 'auto' or 'thread'$/
      )
      const strings = yield* Effect.flip(open({ isolation: "inline", operators: new Set(["Loop"]) }))
      assert.include(strings.message, "what its operator Loop takes does not follow")
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: { ...generous, maxRunNanos: 1, turnNanos: 1 } }))))

  it.live("does not open on the main thread what takes long to open", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(open())
      assert.match(error.message, /it takes .* µs to open, of at most 0 µs \(--inline-max-open-ms\)/)
    }).pipe(
      Effect.scoped,
      Effect.provide(layerWith({ isolation: "inline", inline: { ...generous, maxOpenNanos: 1 } }))
    ))

  it.live("never puts there what has died", () =>
    Effect.gen(function*() {
      const before = yield* Scope.make()
      const instances = yield* Scope.provide(open({ isolation: "thread" }), before)
      assert.deepStrictEqual(placed(instances), ["thread"])
      yield* Effect.flip(instances.run([rows(600, faults.exit)], ["OUTPUT0"]))
      yield* Scope.close(before, Exit.void)
      assert.deepStrictEqual(placed(yield* open()), ["thread"])
      const error = yield* Effect.flip(open({ isolation: "inline" }))
      assert.include(error.message, "an instance of it was lost: ")
      assert.deepStrictEqual(placed(yield* open({ model: "another" })), ["inline"])
    }).pipe(
      Effect.scoped,
      Effect.provide(layerWith({ inline: generous, worker: new URL("../execution/FaultyWorker.ts", import.meta.url) }))
    ))

  it.live("moves what has become slow into a thread, without failing a run, and for good", () =>
    Effect.gen(function*() {
      const instances = yield* open({ maxBatchSize: 1, instances: identityPlan(path, { instances: 2 }).instances })
      assert.deepStrictEqual(placed(instances), ["inline"])
      // It was measured with one row.
      const many = rows(50_000, 7)
      const run = Effect.gen(function*() {
        const result = yield* instances.run([many], ["OUTPUT0"])
        assert.isTrue(Buffer.from(result.outputs[0]!.data).equals(many.data))
        result.release()
        return placed(instances)
      })
      const where = yield* Effect.repeat(run, {
        until: (places) => places.join() === "thread",
        schedule: Schedule.spaced("10 millis")
      }).pipe(Effect.timeoutOption("30 seconds"))
      assert.isTrue(Option.isSome(where))
      assert.deepStrictEqual(instances.condition!().moved, 2)
      assert.strictEqual(instances.condition!().losses, 0)
      const one = yield* instances.run([rows(1, 5)], ["OUTPUT0"])
      assert.deepStrictEqual(new Uint8Array(one.outputs[0]!.data), rows(1, 5).data)
      one.release()
      assert.deepStrictEqual(placed(yield* open()), ["thread"])
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: { ...generous, turnNanos: 1000 } }))))

  const openPlan: Partial<ModelPlan> = {
    instances: identityPlan(path, { instances: 2 }).instances,
    inputs: [{ name: "INPUT0", datatype: "FP32", shape: [-1, -1] }],
    outputs: [{ name: "OUTPUT0", datatype: "FP32", shape: [-1, -1] }],
    batched: false
  }

  it.live("runs open dimensions and strings on the main thread, up to what was measured", () =>
    Effect.gen(function*() {
      const strings = join(folder, "strings.onnx")
      writeFileSync(strings, Models.simpleString())
      const names = ["INPUT0", "INPUT1"]
      const texts = yield* open({
        path: strings,
        operators: new Set(["Cast", "Add", "Sub"]),
        maxBatchSize: 4,
        inputs: names.map((name) => ({ name, datatype: "BYTES" as const, shape: [-1, 16] })),
        outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, datatype: "BYTES" as const, shape: [-1, 16] }))
      })
      const input = (name: string, element: string): Tensor => ({
        name,
        datatype: "BYTES",
        shape: [1, 16],
        data: StringTensor.encode(new Array<string>(16).fill(element))
      })
      const result = yield* texts.run([input("INPUT0", "30"), input("INPUT1", "12")], ["OUTPUT1", "OUTPUT0"])
      const values = result.outputs.map(({ data, name }) => StringTensor.decode(name, data, 16))
      assert.deepStrictEqual(values, [new Array<string>(16).fill("18"), new Array<string>(16).fill("42")])
      const refused = yield* Effect.flip(texts.run([input("INPUT0", "1\0"), input("INPUT1", "1")], ["OUTPUT0"]))
      assert.strictEqual(refused._tag, "InvalidRequest")
      assert.include(refused.message, "element 0 of BYTES input 'INPUT0' contains a NUL byte")

      const instances = yield* open(openPlan)
      for (const count of [1, 0, 16, 3]) {
        const given = rows(count, count)
        const { outputs } = yield* instances.run([given], ["OUTPUT0"])
        assert.deepStrictEqual([...outputs[0]!.shape], [count, 16])
        assert.deepStrictEqual(new Uint8Array(outputs[0]!.data), given.data)
      }
      for (const each of [texts, instances]) assert.deepStrictEqual(placed(each), ["inline"])
    }).pipe(Effect.scoped, Effect.provide(layerWith({ isolation: "inline", inline: generous }))))

  it.live("moves for good when a run is beyond what was measured, and fails none of those beside it", () =>
    Effect.gen(function*() {
      const instances = yield* open(openPlan)
      assert.deepStrictEqual(instances.condition!().placed, { inline: 2, thread: 0, process: 0 })
      yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        (i) =>
          Effect.gen(function*() {
            const given = rows(i % 8 === 3 ? 5000 : 1 + i % 4, i)
            const result = yield* instances.run([given], ["OUTPUT0"])
            assert.deepStrictEqual([...result.outputs[0]!.shape], [...given.shape])
            assert.isTrue(Buffer.from(result.outputs[0]!.data).equals(given.data))
            result.release()
          }),
        { concurrency: "unbounded", discard: true }
      )
      yield* Effect.repeat(Effect.sync(() => placed(instances).join()), {
        until: (places) => places === "thread",
        schedule: Schedule.spaced("10 millis")
      }).pipe(Effect.timeout("30 seconds"))
      assert.strictEqual(instances.condition!().moved, 2)
      assert.strictEqual(instances.condition!().losses, 0)
      const error = yield* Effect.flip(open({ ...openPlan, isolation: "inline" }))
      assert.include(error.message, "input 'INPUT0' of a run was [5000,16], and at most [")
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: generous }))))

  it.live("holds a run that is beyond what was measured, and gives it back", () =>
    Effect.gen(function*() {
      const instances = yield* open(openPlan)
      const lent = yield* instances.lend
      let ended = false
      const run = lent.start([rows(5000)], ["OUTPUT0"], () => {
        ended = true
      })
      assert.isFalse(lent.accepts())
      assert.isTrue(run.withdraw())
      assert.isFalse(run.withdraw())
      assert.isTrue(lent.accepts())
      const one = atOnce(lent, 1)
      assert.isTrue(one !== undefined && Exit.isSuccess(one))
      assert.isFalse(ended)
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: generous }))))

  it.live("fails only what is beyond where no thread can be opened, and tries again", () =>
    Effect.gen(function*() {
      const gone = join(folder, "gone.onnx")
      writeFileSync(gone, Models.identity("FP32"))
      const instances = yield* open({ ...openPlan, path: gone, instances: identityPlan(path).instances })
      rmSync(gone)
      const error = yield* Effect.flip(instances.run([rows(5000)], ["OUTPUT0"]))
      assert.strictEqual(error._tag, "InstanceLost")
      assert.include(error.message, "it could not be opened in a thread")
      assert.strictEqual((yield* instances.run([rows(2)], ["OUTPUT0"])).outputs[0]!.shape[0], 2)
      writeFileSync(gone, Models.identity("FP32"))
      const result = yield* Effect.retry(instances.run([rows(5000, 3)], ["OUTPUT0"]), {
        schedule: Schedule.spaced("10 millis"),
        times: 100
      })
      assert.deepStrictEqual([...result.outputs[0]!.shape], [5000, 16])
      result.release()
      assert.deepStrictEqual(placed(instances), ["thread"])
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: generous }))))

  it.live("goes on with what may run there where no thread can be opened", () =>
    Effect.gen(function*() {
      const gone = join(folder, "gone.onnx")
      writeFileSync(gone, Models.identity("FP32"))
      const instances = yield* open({ ...openPlan, path: gone, instances: identityPlan(path).instances })
      const scheduler = yield* DirectScheduler.open({ ...queueOptions("identity"), instances })
      const submit = (count: number) =>
        scheduler.submit({
          inputs: [rows(count)],
          outputs: ["OUTPUT0"],
          batchSize: 1,
          priority: 0,
          timeoutMicros: 0,
          deadlineMicros: 0
        }).pipe(
          Effect.map(({ outputs, release }) => {
            release()
            return outputs[0]!.shape[0]
          }),
          Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.die("it was not answered") })
        )
      rmSync(gone)
      const [error, ...counts] = yield* Effect.all(
        [Effect.flip(submit(5000)), submit(2), submit(3)],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(error._tag, "InstanceLost")
      assert.include(error.message, "it could not be opened in a thread")
      assert.deepStrictEqual(counts, [2, 3])
      assert.deepStrictEqual(placed(instances), ["inline"])
      writeFileSync(gone, Models.identity("FP32"))
      assert.strictEqual(
        yield* Effect.retry(submit(5000), { schedule: Schedule.spaced("10 millis"), times: 100 }),
        5000
      )
      assert.deepStrictEqual(placed(instances), ["thread"])
      assert.strictEqual((yield* TensorMemory).usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: generous }))))

  it.live.skipIf(process.platform !== "linux")(
    "ends the thread that looked at models when it has nothing to do",
    () =>
      Effect.gen(function*() {
        const threads = () => readdirSync("/proc/self/task").length
        const before = threads()
        const executor = yield* Executor
        yield* Effect.forEach([1, 2, 3], () => executor.inspect({ model: "m", path }), { concurrency: "unbounded" })
        const instances = yield* open()
        assert.deepStrictEqual(placed(instances), ["inline"])
        yield* Effect.retry(
          Effect.suspend(() => threads() <= before ? Effect.void : Effect.fail("there is still a thread")),
          { schedule: Schedule.spaced("50 millis"), times: 200 }
        )
      }).pipe(Effect.scoped, Effect.provide(layerWith({ inline: generous })))
  )
})
