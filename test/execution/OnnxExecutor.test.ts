import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as StringTensor from "../../src/layers/execution/internal/StringTensor.ts"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import type { DataType } from "../../src/schema/DataType.ts"
import * as DataTypes from "../../src/schema/DataType.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import { Executor, type Isolation, type ModelPlan, type TensorSpec } from "../../src/services/Executor.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as Onnx from "../fixtures/onnx/OnnxWriter.ts"
import { executorSuite, identityPlan, rows } from "../suites/executorSuite.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-execution-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const file = (bytes: Uint8Array) => {
  const path = join(folder, `${files++}.onnx`)
  writeFileSync(path, bytes)
  return path
}

/** As long as they like: which models are quick enough is not the matter here. */
const inline = { maxRunNanos: 1e9, maxOpenNanos: 10e9, turnNanos: 1e9 }
/** What may run on the main thread does so with `auto`, and the rest in threads. */
const isolations = ["auto", "thread", "process"] as const
const layerIn = (isolation: Isolation) =>
  OnnxExecutor.layerWith({ isolation, inline }).pipe(Layer.provideMerge(SharedTensorMemory.layer))
const identityFile = file(Models.identity("FP32"))

const plan = (
  bytes: Uint8Array,
  inputs: ReadonlyArray<TensorSpec>,
  outputs: ReadonlyArray<TensorSpec>,
  batched = false
): ModelPlan => ({
  ...identityPlan(file(bytes)),
  model: "m",
  inputs,
  outputs,
  batched,
  operators: new Set(["Add", "Identity", "Mul", "Neg"])
})

const spec = (name: string, datatype: DataType, shape: ReadonlyArray<number>): TensorSpec => ({ name, datatype, shape })

const floats = (name: string, shape: ReadonlyArray<number>, values: ReadonlyArray<number>): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer)
})

const valuesOf = <A>(tensor: Tensor, View: { new(buffer: ArrayBufferLike): ArrayLike<A> }): Array<A> =>
  Array.from(new View(new Uint8Array(tensor.data).buffer))

for (const isolation of ["inline", "thread", "process"] as const) {
  executorSuite(`OnnxExecutor, ${isolation}`, layerIn(isolation), () => identityFile)
}

executorSuite(
  "OnnxExecutor, process, without files",
  OnnxExecutor.layerWith({ isolation: "process", tensorFiles: false }).pipe(
    Layer.provideMerge(SharedTensorMemory.layer)
  ),
  () => identityFile
)

describe.each(isolations)("OnnxExecutor, %s", (isolation) => {
  const layer = layerIn(isolation)
  const patterns: Readonly<Record<string, ReadonlyArray<number>>> = {
    BOOL: [0, 1, 1, 0],
    UINT8: [0, 1, 254, 255],
    INT8: [0, 1, 128, 255],
    UINT16: [0, 0, 255, 255, 1, 128, 2, 1],
    INT16: [0, 0, 255, 255, 1, 128, 2, 1],
    // Not-a-number with a payload, the smallest subnormal, infinity, one.
    FP16: [1, 126, 1, 0, 0, 124, 0, 60]
  }

  for (const { byteSize, name } of DataTypes.table.filter((row) => row.ort !== undefined && row.byteSize > 0)) {
    it.effect(`carries ${name} bit by bit, in and out`, () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const bytes = Uint8Array.from(
          patterns[name] ?? Array.from({ length: byteSize * 4 }, (_, i) => (i * 37 + 1) % 251)
        )
        for (const shape of [[4], [-1]]) {
          const specs = [spec("INPUT0", name, shape)]
          const model = plan(Models.identity(name as never, ["n"]), specs, [spec("OUTPUT0", name, shape)])
          const instances = yield* executor.open(model)
          const input = { name: "INPUT0", datatype: name, shape: [4], data: bytes }
          const { outputs } = yield* instances.run([input], ["OUTPUT0"])
          assert.strictEqual(outputs[0]!.datatype, name)
          assert.deepStrictEqual([...outputs[0]!.shape], [4])
          assert.deepStrictEqual(new Uint8Array(outputs[0]!.data), bytes)
        }
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }

  it.effect("carries strings, small and large", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const model = plan(
        Models.identity("BYTES", ["n"]),
        [spec("INPUT0", "BYTES", [-1])],
        [spec("OUTPUT0", "BYTES", [-1])]
      )
      const instances = yield* executor.open(model)
      for (
        const elements of [
          ["", "plain", "ümläut \u{1F600}"],
          [],
          Array.from({ length: 3000 }, (_, i) => `text ${i}`)
        ]
      ) {
        const data = StringTensor.encode(elements)
        const input: Tensor = { name: "INPUT0", datatype: "BYTES", shape: [elements.length], data }
        const { outputs } = yield* instances.run([input], ["OUTPUT0"])
        assert.deepStrictEqual([...outputs[0]!.shape], [elements.length])
        assert.deepStrictEqual(new Uint8Array(outputs[0]!.data), new Uint8Array(data))
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("refuses strings that the runtime would change, and serves the next run", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const specs = [spec("INPUT0", "BYTES", [-1])]
      const model = plan(Models.identity("BYTES", ["n"]), specs, [spec("OUTPUT0", "BYTES", [-1])])
      const instances = yield* executor.open(model)
      const run = (data: Uint8Array) =>
        instances.run([{ name: "INPUT0", datatype: "BYTES", shape: [2], data }], ["OUTPUT0"])
      const nul = yield* Effect.flip(run(StringTensor.encode(["a", "b\0c"])))
      assert.strictEqual(nul._tag, "InvalidRequest")
      assert.include(nul.message, "element 1 of BYTES input 'INPUT0' contains a NUL byte")
      const utf8 = yield* Effect.flip(run(Uint8Array.of(1, 0, 0, 0, 255, 0, 0, 0, 0)))
      assert.strictEqual(utf8._tag, "InvalidRequest")
      assert.include(utf8.message, "element 0 of BYTES input 'INPUT0' is not valid UTF-8")
      yield* run(StringTensor.encode(["a", "b"]))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("knows the rows of a batch from an input that carries it, whichever comes first", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const bytes = Onnx.model({
        inputs: [Onnx.tensorInfo("BIAS", "FP32", [4000]), Onnx.tensorInfo("INPUT0", "FP32", ["batch", 4000])],
        outputs: [Onnx.tensorInfo("OUTPUT0", "FP32", ["batch", 4000])],
        nodes: [Onnx.node("Add", ["INPUT0", "BIAS"], ["OUTPUT0"])]
      })
      const inputs = [{ ...spec("BIAS", "FP32", [4000]), batchAxis: -1 }, spec("INPUT0", "FP32", [-1, 4000])]
      const instances = yield* executor.open(plan(bytes, inputs, [spec("OUTPUT0", "FP32", [-1, 4000])], true))
      const { outputs, release } = yield* instances.run([
        floats("BIAS", [4000], Array<number>(4000).fill(1)),
        floats("INPUT0", [3, 4000], Array.from({ length: 12_000 }, (_, i) => i))
      ], ["OUTPUT0"])
      assert.deepStrictEqual([...outputs[0]!.shape], [3, 4000])
      assert.deepStrictEqual(valuesOf(outputs[0]!, Float32Array), Array.from({ length: 12_000 }, (_, i) => i + 1))
      assert.instanceOf(outputs[0]!.data.buffer, SharedArrayBuffer)
      release()
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("carries scalars and tensors without elements", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const scalar = yield* executor.open(
        plan(Models.scalar(), [spec("INPUT0", "FP32", [])], [spec("OUTPUT0", "FP32", [])])
      )
      const doubled = yield* scalar.run([floats("INPUT0", [], [21])], ["OUTPUT0"])
      assert.deepStrictEqual([...doubled.outputs[0]!.shape], [])
      assert.deepStrictEqual(valuesOf(doubled.outputs[0]!, Float32Array), [42])
      const none = yield* executor.open(
        plan(Models.zeroDim(), [spec("INPUT0", "FP32", [0, 16])], [spec("OUTPUT0", "FP32", [0, 16])])
      )
      const empty = yield* none.run([floats("INPUT0", [0, 16], [])], ["OUTPUT0"])
      assert.deepStrictEqual([...empty.outputs[0]!.shape], [0, 16])
      assert.strictEqual(empty.outputs[0]!.data.byteLength, 0)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("finds out shapes that depend on the data, and gives outputs in the order asked for", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const outputs = [spec("INDICES", "INT64", [1, -1]), spec("VALUES", "INT64", [-1])]
      const model = plan(Models.dynamicOutputs(), [spec("INPUT0", "INT64", [-1])], outputs)
      const instances = yield* executor.open(model)
      for (const length of [4, 20_000, 0]) {
        const values = BigInt64Array.from({ length }, (_, i) => i % 2 === 0 ? BigInt(i + 1) : 0n)
        const input: Tensor = {
          name: "INPUT0",
          datatype: "INT64",
          shape: [length],
          data: new Uint8Array(values.buffer)
        }
        const result = yield* instances.run([input], ["VALUES", "INDICES"])
        assert.deepStrictEqual(result.outputs.map((output) => output.name), ["VALUES", "INDICES"])
        assert.deepStrictEqual([...result.outputs[0]!.shape], [length / 2])
        assert.deepStrictEqual(valuesOf(result.outputs[0]!, BigInt64Array), [...values].filter((value) => value !== 0n))
        assert.deepStrictEqual([...result.outputs[1]!.shape], [1, length / 2])
        const one = yield* instances.run([input], ["VALUES"])
        assert.strictEqual(one.outputs.length, 1)
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("reads shared memory where it lies, and copies what starts at a wrong offset", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const memory = yield* TensorMemory
      const instances = yield* executor.open(identityPlan(identityFile))
      const expected = rows(1000, 3)
      for (const offset of [0, 64, 4, 1, 2]) {
        const region = memory.acquire(expected.data.length + 64)
        const data = region.bytes.subarray(offset, offset + expected.data.length)
        data.set(expected.data)
        const before = memory.usage().inUse
        const result = yield* instances.run([{ ...expected, data }], ["OUTPUT0"])
        assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), expected.data)
        assert.isAbove(memory.usage().inUse, before)
        result.release()
        assert.strictEqual(memory.usage().inUse, before)
        region.release()
      }
      assert.strictEqual(memory.usage().inUse, 0)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("carries more pieces of shared memory than a worker remembers", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(identityPlan(identityFile))
      const input = rows(200)
      for (let i = 0; i < 700; i++) {
        const data = new Uint8Array(new SharedArrayBuffer(input.data.length))
        data.set(input.data)
        data[0] = i & 127
        const result = yield* instances.run([{ ...input, data }], ["OUTPUT0"])
        assert.strictEqual(result.outputs[0]!.data[0], i & 127)
        result.release()
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("takes pieces of memory too large to be remembered", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(identityPlan(identityFile))
      for (let i = 0; i < 3; i++) {
        const input = rows(300_000, i)
        const result = yield* instances.run([input], ["OUTPUT0"])
        assert.isTrue(Buffer.from(result.outputs[0]!.data).equals(input.data))
        result.release()
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("runs a model with more tensors than fit into a mailbox's fields", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const names = Array.from({ length: 150 }, (_, i) => i)
      const dims = [1, 1, 1, 2]
      const model = plan(
        Onnx.model({
          inputs: names.map((i) => Onnx.tensorInfo(`IN${i}`, "FP32", dims)),
          outputs: names.map((i) => Onnx.tensorInfo(`OUT${i}`, "FP32", dims)),
          nodes: names.map((i) => Onnx.node("Neg", [`IN${i}`], [`OUT${i}`]))
        }),
        names.map((i) => spec(`IN${i}`, "FP32", dims)),
        names.map((i) => spec(`OUT${i}`, "FP32", dims))
      )
      const instances = yield* executor.open(model)
      for (let round = 0; round < 2; round++) {
        const inputs = names.map((i) => floats(`IN${i}`, dims, [i, round]))
        const result = yield* instances.run(inputs, names.map((i) => `OUT${i}`))
        for (const i of names) {
          assert.deepStrictEqual([...result.outputs[i]!.shape], dims)
          assert.deepStrictEqual(valuesOf(result.outputs[i]!, Float32Array), [-i, -round])
        }
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("answers with the model's shape where the plan promised another one", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const model: ModelPlan = {
        ...plan(Models.identity("FP32"), [spec("INPUT0", "FP32", [-1, 16])], [spec("OUTPUT0", "FP32", [-1, 8])]),
        batched: true
      }
      const instances = yield* executor.open(model)
      for (let round = 0; round < 3; round++) {
        const result = yield* instances.run([rows(2, round)], ["OUTPUT0"])
        assert.deepStrictEqual([...result.outputs[0]!.shape], [2, 16])
        assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(2, round).data)
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("says what the runtime says when a run fails, and serves the next one", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(identityPlan(identityFile))
      const wrong = { ...rows(1), shape: [16] }
      const error = yield* Effect.flip(instances.run([wrong], ["OUTPUT0"]))
      assert.strictEqual(error._tag, "ExecutionFailed")
      assert.match(error.message, /^onnx runtime error: .*rank/i)
      yield* instances.run([rows(1)], ["OUTPUT0"])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("measures its three phases", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(identityPlan(identityFile))
      const result = yield* instances.run([rows(100)], ["OUTPUT0"])
      for (const nanos of [result.computeInputNanos, result.computeInferNanos, result.computeOutputNanos]) {
        assert.isAtLeast(nanos, 0)
        assert.isBelow(nanos, 5e9)
      }
      assert.isAbove(result.computeInferNanos, 0)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("runs with every session setting", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open({
        ...identityPlan(identityFile),
        session: {
          intraOpNumThreads: 2,
          interOpNumThreads: 2,
          executionMode: "parallel",
          graphOptimizationLevel: "basic",
          enableCpuMemArena: false,
          enableMemPattern: false,
          configEntries: { "session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0" }
        }
      })
      yield* instances.run([rows(1)], ["OUTPUT0"])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("looks at a model without running it, also at one that it cannot run", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const simple = yield* executor.inspect({ model: "m", path: file(Models.simple()) })
      assert.deepStrictEqual(simple.inputs, [
        { name: "INPUT0", isTensor: true, type: "int32", shape: [-1, 16] },
        { name: "INPUT1", isTensor: true, type: "int32", shape: [-1, 16] }
      ])
      const bf16 = yield* executor.inspect({ model: "m", path: file(Models.castTo("BF16" as never)) })
      assert.deepStrictEqual(bf16.outputs, [{ name: "OUTPUT0", isTensor: true, type: "bfloat16", shape: [-1, 16] }])
      const sequence = yield* executor.inspect({ model: "m", path: file(Models.sequenceOutput()) })
      assert.deepStrictEqual(sequence.outputs.map((output) => output.isTensor), [true, false])
    }).pipe(Effect.provide(layer)))

  const garbage = Uint8Array.from({ length: 200 }, (_, i) => (i * 71 + 3) % 256)
  const cases: ReadonlyArray<readonly [string, () => string, RegExp]> = [
    ["no file", () => join(folder, "missing.onnx"), /missing\.onnx.*onnx runtime error: .*File doesn't exist/s],
    ["an empty file", () => file(new Uint8Array(0)), /onnx runtime error: .*does not have a graph/s],
    ["garbage", () => file(garbage), /onnx runtime error: .*Protobuf parsing failed/s],
    ["half a file", () => file(Models.simple().slice(0, 150)), /onnx runtime error: /],
    ["BF16", () => file(Models.castTo("BF16" as never)), /output 'OUTPUT0' \[-1,16\] is of type bfloat16, which/],
    ["INT4, which would end the process", () => file(Models.castTo("INT4" as never)), /is of type int4, which/],
    ["a sequence", () => file(Models.sequenceOutput()), /output 'SEQUENCE' is no tensor/],
    ["a map", () => file(Models.mapOutput()), /output 'SCORES' is no tensor/],
    ["an optional value", () => file(Models.optionalOutput()), /output 'OPTIONAL' is no tensor/]
  ]
  for (const [what, path, message] of cases) {
    it.effect(`refuses to open ${what}, in words`, () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const error = yield* Effect.flip(executor.open({ ...identityPlan(path(), { instances: 2 }), model: "bad" }))
        assert.strictEqual(error._tag, "LoadFailed")
        assert.strictEqual(error.model, "bad")
        assert.include(error.message, "'bad' version 1")
        assert.match(error.message, message)
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }

  it.effect("refuses a device that it does not have", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      assert.deepStrictEqual([...executor.devices], [{ kind: "CPU", id: 0 }])
      const error = yield* Effect.flip(executor.open({
        ...identityPlan(identityFile),
        instances: [{ name: "m_0", device: { kind: "GPU", id: 0 } }]
      }))
      assert.include(error.message, "'m_0'")
      assert.include(error.message, "GPU 0")
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
