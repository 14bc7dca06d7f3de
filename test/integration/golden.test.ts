/** Golden requests with ONNX Runtime: a version that answers otherwise than expected never serves. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Result } from "effect"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as Lifecycle from "../../src/layers/repository/internal/Lifecycle.ts"
import * as OpenVersion from "../../src/layers/repository/internal/OpenVersion.ts"
import * as PollModel from "../../src/layers/repository/internal/PollModel.ts"
import * as PrepareVersion from "../../src/layers/repository/internal/PrepareVersion.ts"
import { settings } from "../../src/layers/repository/internal/RepositoryOptions.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import { type LoadEvent, type Model, ModelRepository } from "../../src/services/ModelRepository.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as Onnx from "../fixtures/onnx/OnnxWriter.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"
import * as Child from "./cli/Child.ts"

/** FP32 INPUT0 `[-1,4]` → OUTPUT0, each element `factor` times as large. */
const scaled = (factor: number): Uint8Array =>
  Onnx.model({
    inputs: [Onnx.tensorInfo("INPUT0", "FP32", ["batch", 4])],
    outputs: [Onnx.tensorInfo("OUTPUT0", "FP32", ["batch", 4])],
    nodes: [Onnx.node("Mul", ["INPUT0", "weight"], ["OUTPUT0"])],
    initializers: [Onnx.initializer("weight", "FP32", [1], Float32Array.of(factor))]
  })

const golden = (input: object, output: object, rest: object = {}) =>
  JSON.stringify({
    request: { inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 4], ...input }] },
    response: { outputs: [{ name: "OUTPUT0", datatype: "FP32", shape: [1, 4], ...output }] },
    ...rest
  })
const doubled = golden({ data: [1, 2, 3, 4] }, { data: [2, 4, 6, 8] })

const layerExecution = Layer.mergeAll(
  OnnxExecutor.layerWith({ isolation: "thread" }),
  Layer.unwrap(Effect.map(TensorMemory, (memory) => DirectScheduler.layerWith({ memory }))),
  LocalStatistics.layer,
  TemporaryRepository.platform
).pipe(Layer.provide(SharedTensorMemory.layer))

/** The repository, and why models failed to load. */
const open = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const root = yield* TemporaryRepository.make(tree)
  const events: Array<LoadEvent> = []
  const context = yield* Layer.build(
    FileModelRepository.layer({
      paths: [root],
      exitOnError: false,
      onEvent: (event) => Effect.sync(() => events.push(event))
    }).pipe(Layer.provide(layerExecution))
  )
  const reasons = events.flatMap((event) => event._tag === "Failed" ? [[event.model, event.reason] as const] : [])
  return { root, repository: Context.get(context, ModelRepository), reasons: Object.fromEntries(reasons) }
})

const executions = (repository: ModelRepository["Service"], name: string) =>
  Result.getOrThrow(repository.lookup(name, "")).statistics.counts().executionCount

/** The first output of a model for `[1,2,3,4]`. */
const ask = (model: Model) =>
  Effect.map(
    model.scheduler.submit({
      inputs: [Tensor.from("INPUT0", [1, 4], Float32Array.of(1, 2, 3, 4))],
      outputs: ["OUTPUT0"],
      batchSize: 1,
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: 0
    }),
    ({ outputs, release }) => {
      const values = Array.from(Tensor.values(outputs[0]!, "FP32"))
      release()
      return values
    }
  )

const differs =
  "Invalid argument: golden request 'double' of model 'm' version 1: output 'OUTPUT0' differs first at element 0: " +
  "expected 2, got 3, tolerance 0.00001 and 0.0001 of the expected value; 4 of 4 elements differ, from instance 'm_0_0'"

describe("golden requests with ONNX Runtime", () => {
  it.live("are answered by every instance before a version is ready", () =>
    Effect.gen(function*() {
      const texts = Array.from({ length: 16 }, (_, i) => String(i))
      const text = (name: string, data: ReadonlyArray<string>) => ({ name, datatype: "BYTES", shape: [1, 16], data })
      const { reasons, repository } = yield* open({
        "scaled/1/model.onnx": scaled(2),
        "scaled/1/golden/double.json": doubled,
        "scaled/1/golden/near.json": golden({ data: [1, 1, 1, 1] }, { data: [2.09, 2, 2, 2] }, {
          tolerance: { absolute: 0.1 }
        }),
        "scaled/config.pbtxt": "instance_group { count: 3 } dynamic_batching { max_queue_delay_microseconds: 1000000 }",
        "texts/1/model.onnx": Models.simpleString(),
        "texts/1/golden/sum.json": JSON.stringify({
          request: { inputs: [text("INPUT0", texts), text("INPUT1", texts)] },
          response: { outputs: [text("OUTPUT0", texts.map((value) => String(2 * Number(value))))] }
        }),
        "ragged/1/model.onnx": Models.segmentSums(),
        "ragged/config.pbtxt": `max_batch_size: 4
          input { name: "DATA" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
          output { name: "SUMS" data_type: TYPE_FP32 dims: [ 1 ] }
          batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "BOUNDS" data_type: TYPE_INT32
            source_input: "DATA" }
          batch_input { kind: BATCH_MAX_ELEMENT_COUNT_AS_SHAPE target_name: "LENGTH" data_type: TYPE_FP32
            source_input: "DATA" }`,
        "ragged/1/golden/sum.json": JSON.stringify({
          request: { inputs: [{ name: "DATA", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] }] },
          response: { outputs: [{ name: "SUMS", datatype: "FP32", shape: [1, 1], data: [6] }] }
        }),
        "scalar/1/model.onnx": Models.scalarPerRow(),
        "scalar/1/golden/double.json": JSON.stringify({
          request: { inputs: [{ name: "INPUT0", datatype: "FP32", shape: [2, 1], data: [1, 2] }] },
          response: { outputs: [{ name: "OUTPUT0", datatype: "FP32", shape: [2, 1], data: [2, 4] }] }
        })
      })
      assert.deepStrictEqual(reasons, {})
      assert.strictEqual(executions(repository, "scaled"), 3 * 2)
      assert.strictEqual(executions(repository, "ragged"), 2)
    }))

  it.live("keep versions from serving that answer otherwise, and say where they differ", () =>
    Effect.gen(function*() {
      const expected = { data: [2, 4, 6, 8] }
      const { reasons, repository, root } = yield* open({
        "m/1/model.onnx": scaled(3),
        "m/1/golden/double.json": doubled,
        "m/config.pbtxt": "instance_group { count: 1 }",
        "shape/1/model.onnx": Models.dynamicOutputs(),
        "shape/config.pbtxt": "instance_group { count: 1 }",
        "shape/1/golden/g.json": JSON.stringify({
          request: { inputs: [{ name: "INPUT0", datatype: "INT64", shape: [3], data: [0, 5, 6] }] },
          response: { outputs: [{ name: "VALUES", datatype: "INT64", shape: [1], data: [5] }] }
        }),
        "failing/1/model.onnx": Models.simpleString(),
        "failing/1/golden/g.json": JSON.stringify({
          request: {
            inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype: "BYTES", shape: [1, 1], data: ["x"] }))
          },
          response: { outputs: [{ name: "OUTPUT0", datatype: "BYTES", shape: [1, 16], data: Array(16).fill("x") }] }
        }),
        "malformed/1/model.onnx": scaled(2),
        "malformed/1/golden/g.json": golden({ data: [1] }, expected),
        "other/1/model.onnx": scaled(2),
        "other/1/golden/g.json": golden({ name: "INPUT", data: [1, 2, 3, 4] }, expected)
      })
      assert.strictEqual(reasons["m"], differs)
      assert.include(
        reasons["shape"],
        "golden request 'g' of model 'shape' version 1: output 'VALUES' has the shape [2], expected [1], from instance 'shape_0_0'"
      )
      assert.include(
        reasons["failing"],
        "golden request 'g' of model 'failing' version 1: input 'INPUT0' has the shape [1,1], expected [-1,16]"
      )
      assert.include(reasons["malformed"], "input 'INPUT0': 'data': it has 1 elements, expected 4 for the shape [1,4]")
      assert.include(reasons["other"], "input 'INPUT' is none of the model, which has 'INPUT0'")
      const index = yield* repository.index
      assert.deepStrictEqual(index.map(({ state }) => state), Array(5).fill("UNAVAILABLE"))
      const rows = yield* FileModelRepository.check({ paths: [root] }).pipe(Effect.provide(layerExecution))
      assert.deepStrictEqual(Object.fromEntries(rows.map(({ model, reason }) => [model, reason])), reasons)
    }))

  it.live("say why a run of theirs failed", () =>
    Effect.gen(function*() {
      const texts = (name: string) => ({ name, datatype: "BYTES", shape: [1, 16], data: Array(16).fill("no number") })
      const { reasons } = yield* open({
        "failing/1/model.onnx": Models.simpleString(),
        "failing/1/golden/g.json": JSON.stringify({
          request: { inputs: [texts("INPUT0"), texts("INPUT1")] },
          response: { outputs: [texts("OUTPUT0")] }
        })
      })
      assert.include(reasons["failing"], "golden request 'g' of model 'failing' version 1: the run failed: ")
    }))

  it.live("keep a seeded-bad version from answering any client, while the one before serves on", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({
        "m/1/model.onnx": scaled(2),
        "m/1/golden/double.json": doubled,
        "m/config.pbtxt": "version_policy { all { } } instance_group { count: 1 }"
      })
      const found = { id: "m", name: "m", root, directory: `${root}/m`, file: undefined }
      const lifecycle = yield* Lifecycle.make({ loadThreadCount: 4, loadRetryCount: 0, onEvent: () => Effect.void })
      const services = yield* OpenVersion.services
      const warn = () => Effect.void
      const load = Effect.gen(function*() {
        const polled = yield* PollModel.poll(found, settings({ paths: [root] }), warn)
        const versions = yield* PollModel.chooseVersions(polled, warn)
        yield* lifecycle.load(
          found,
          versions.map((version) => ({
            version,
            open: PrepareVersion.prepare(polled, version, [], warn).pipe(
              Effect.flatMap((prepared) => OpenVersion.open(prepared)),
              Effect.provideContext(services)
            )
          }))
        )
      })
      yield* load
      const answers = { right: 0, wrong: 0, asking: true }
      const client = Effect.gen(function*() {
        while (answers.asking) {
          const values = yield* ask(Result.getOrThrow(lifecycle.lookup("m", "")))
          if (values.join() === "2,4,6,8") answers.right++
          else answers.wrong++
        }
      })
      const clients = yield* Effect.forkChild(
        Effect.all([client, client, client, client], { concurrency: "unbounded", discard: true })
      )

      for (let attempt = 0; attempt < 3; attempt++) {
        yield* TemporaryRepository.write(root, { "m/1/model.onnx": scaled(3) })
        const error = yield* Effect.flip(load)
        assert.include(error.message, differs)
        yield* TemporaryRepository.write(root, { "m/1/model.onnx": scaled(2) })
        yield* TemporaryRepository.write(root, { "m/2/model.onnx": scaled(3), "m/2/golden/double.json": doubled })
        const before = answers.right
        assert.include((yield* Effect.flip(load)).message, "golden request 'double' of model 'm' version 2: ")
        assert.deepStrictEqual(lifecycle.readyVersions("m"), [1])
        assert.isAbove(answers.right, before, "clients were served meanwhile")
      }
      answers.asking = false
      yield* Fiber.join(clients)
      assert.strictEqual(answers.wrong, 0)

      yield* TemporaryRepository.write(root, { "m/2/model.onnx": scaled(2) })
      yield* load
      assert.deepStrictEqual(lifecycle.readyVersions("m"), [1, 2])
    }).pipe(Effect.scoped, Effect.provide(layerExecution)))

  it.live(
    "keep a seeded-bad version from answering over HTTP while it is loaded again and again",
    () =>
      Effect.gen(function*() {
        const root = yield* TemporaryRepository.make({
          "m/1/model.onnx": scaled(2),
          "m/1/golden/double.json": doubled,
          "m/config.pbtxt": "version_policy { all { } } instance_group { count: 1 }"
        })
        const server = yield* Child.serve([
          root,
          "--model-control-mode=explicit",
          "--load-model=m",
          "--model-isolation=thread"
        ])
        const answers = { right: 0, asking: true, wrong: new Set<string>() }
        const right = JSON.stringify([2, 4, 6, 8])
        const client = Effect.gen(function*() {
          while (answers.asking) {
            const { status, text } = yield* Child.ask(`${server.url}/v2/models/m/infer`, {
              method: "POST",
              body: JSON.stringify({
                inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }]
              })
            })
            if (status === 200 && JSON.stringify(JSON.parse(text).outputs[0].data) === right) answers.right++
            else answers.wrong.add(`${status} ${text}`)
          }
        })
        const load = Child.ask(`${server.url}/v2/repository/models/m/load`, { method: "POST", body: "{}" })
        const clients = yield* Effect.forkChild(Effect.all([client, client, client], { concurrency: "unbounded" }))
        for (let attempt = 0; attempt < 3; attempt++) {
          yield* TemporaryRepository.write(root, { "m/1/model.onnx": scaled(3) })
          const replaced = yield* load
          assert.strictEqual(replaced.status, 400)
          assert.include(
            replaced.text,
            "golden request 'double' of model 'm' version 1: output 'OUTPUT0' differs first at"
          )
          yield* TemporaryRepository.write(root, {
            "m/1/model.onnx": scaled(2),
            "m/2/model.onnx": scaled(-2),
            "m/2/golden/double.json": doubled
          })
          const before = answers.right
          const added = yield* load
          assert.strictEqual(added.status, 400)
          assert.include(added.text, "golden request 'double' of model 'm' version 2: ")
          assert.isAbove(answers.right, before, "clients were served meanwhile")
        }
        const index = yield* Child.ask(`${server.url}/v2/repository/index`, { method: "POST" })
        const [first, second] = JSON.parse(index.text)
        assert.deepStrictEqual([first.version, first.state], ["1", "READY"])
        assert.deepStrictEqual([second.version, second.state], ["2", "UNAVAILABLE"])
        assert.include(second.reason, "golden request 'double'")

        yield* TemporaryRepository.write(root, { "m/2/model.onnx": scaled(2) })
        assert.strictEqual((yield* load).status, 200)
        answers.asking = false
        yield* Fiber.join(clients)
        assert.deepStrictEqual([...answers.wrong], [])
      }).pipe(Effect.scoped)
  )
})
