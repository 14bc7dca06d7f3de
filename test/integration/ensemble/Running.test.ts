/** Ensembles of real models behind HTTP: what becomes of requests whose steps fail or cannot be enqueued. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { connect, type InferenceClient } from "../../../src/client/Client.ts"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import { Statistics } from "../../../src/services/Statistics.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Onnx from "../../fixtures/onnx/OnnxWriter.ts"
import * as SequenceModels from "../../fixtures/onnx/SequenceModels.ts"
import { doubling, ensemble, type Step } from "../../repository/ensemble/Configs.ts"
import * as Child from "../cli/Child.ts"

const start = Effect.fnUntraced(function*(files: Child.Files) {
  const context = yield* Layer.build(Server.layer({
    httpAddress: "127.0.0.1",
    httpPort: 0,
    httpServerTiming: true,
    allowGrpc: false,
    allowMetrics: false,
    modelRepository: [yield* Child.folder(files)]
  }))
  const url = `http://127.0.0.1:${Option.getOrThrow(Context.getOption(context, HttpFrontend)).port}`
  /** Requests that wait for a model. */
  const pending = (name: string) =>
    Context.get(context, Statistics).all().find((books) => books.model === name)!.counts().pending
  return { client: connect(url), pending, url }
})

const one = "instance_group { count: 1 kind: KIND_CPU }"
const folder = (config: string): Child.Files => ({ "config.pbtxt": config, "1": {} })
const model = (onnx: Uint8Array, config = `max_batch_size: 4 ${one}`): Child.Files => ({
  "config.pbtxt": config,
  "1": { "model.onnx": onnx }
})

/** The element of [10, 20, 30, 40] that each element of INPUT0 names; the runtime fails beyond them. */
const lookingUp = (): Uint8Array =>
  Onnx.model({
    inputs: [Onnx.tensorInfo("INPUT0", "INT32", ["batch", 16])],
    outputs: [Onnx.tensorInfo("OUTPUT0", "INT32", ["batch", 16])],
    nodes: [Onnx.node("Gather", ["table", "INPUT0"], ["OUTPUT0"])],
    initializers: [Onnx.initializer("table", "INT32", [4], Int32Array.of(10, 20, 30, 40))]
  })
const lookUp = (from: string, to: string): Step => ({
  model: "table",
  inputs: { INPUT0: from },
  outputs: { OUTPUT0: to }
})

const rowsOf = (value: number, rows = 1) => ({ IN: { data: new Int32Array(16 * rows).fill(value), shape: [rows, 16] } })
const infer = (client: InferenceClient, name: string, value: number, rows = 1) =>
  Effect.tryPromise({
    try: async () =>
      [...(await client.infer(name, rowsOf(value, rows))).outputs["OUT"]!.data as Int32Array].slice(0, 1),
    catch: String
  })

const counts = (client: InferenceClient, name: string) =>
  Effect.promise(async () => {
    const [{ execution_count: executions, inference_count: inferences, inference_stats: { fail, success } }] =
      await client.statistics(name) as unknown as [{
        readonly execution_count: number
        readonly inference_count: number
        readonly inference_stats: Record<"fail" | "success", { readonly count: number }>
      }]
    return { success: success.count, fail: fail.count, inferences, executions }
  })

/** Looks again until something holds. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => holds() ? Effect.void : Effect.andThen(Effect.sleep("2 millis"), until(holds)))

describe("ensembles that run", () => {
  it.live("102 one of two parallel steps cannot be enqueued", () =>
    Effect.gen(function*() {
      // A request of less than four rows waits for a minute, and there is room for one that waits.
      const full = `max_batch_size: 4 ${one} dynamic_batching { preferred_batch_size: [ 4 ] ` +
        "max_queue_delay_microseconds: 60000000 default_queue_policy { max_queue_size: 1 } }"
      const { client, pending, url } = yield* start({
        full: model(Models.simple(), full),
        free: model(Models.simple()),
        join: model(Models.simple()),
        e: folder(ensemble({
          steps: [
            doubling("free", "IN", "a"),
            doubling("full", "IN", "b"),
            { model: "join", inputs: { INPUT0: "a", INPUT1: "b" }, outputs: { OUTPUT0: "OUT" } }
          ]
        }))
      })
      const gone = new AbortController()
      const waiting = fetch(`${url}/v2/models/full/infer`, {
        method: "POST",
        signal: gone.signal,
        body: JSON.stringify({
          inputs: ["INPUT0", "INPUT1"].map((name) => ({
            name,
            datatype: "INT32",
            shape: [1, 16],
            data: new Array(16).fill(1)
          }))
        })
      }).catch(() => undefined)
      yield* until(() => pending("full") === 1)
      const refused = yield* Effect.flip(infer(client, "e", 1))
      assert.include(refused, "in ensemble 'e', Exceeds maximum queue size (step 1, model 'full')")
      assert.strictEqual(refused.split("Exceeds maximum queue size").length, 2)
      gone.abort()
      yield* Effect.promise(() => waiting)
      yield* until(() => pending("full") === 0)
      assert.deepStrictEqual(yield* infer(client, "e", 3, 4), [12])
    }))

  it.live("110 a step that fails counts once for the ensemble, and once for its model", () =>
    Effect.gen(function*() {
      const { client } = yield* start({
        table: model(lookingUp()),
        simple: model(Models.simple()),
        e: folder(ensemble({
          steps: [doubling("simple", "IN", "a"), lookUp("a", "b"), doubling("simple", "b", "OUT")]
        }))
      })
      const failure = yield* Effect.flip(infer(client, "e", 7))
      assert.include(failure, "in ensemble 'e', ")
      assert.strictEqual(failure.split("in ensemble").length, 2)
      assert.strictEqual(failure.split("(step 1, model 'table')").length, 2)
      assert.deepStrictEqual(yield* counts(client, "e"), { success: 0, fail: 1, inferences: 0, executions: 0 })
      assert.deepStrictEqual((yield* counts(client, "table")).fail, 1)
      assert.deepStrictEqual(yield* counts(client, "simple"), { success: 1, fail: 0, inferences: 1, executions: 1 })
      assert.deepStrictEqual(yield* infer(client, "e", 1), [60])
      assert.deepStrictEqual(yield* counts(client, "e"), { success: 1, fail: 1, inferences: 1, executions: 1 })
      assert.deepStrictEqual((yield* counts(client, "simple")).success, 3)
    }))

  it.live("divide and gather tensors, and tell work and time on the wall apart", () =>
    Effect.gen(function*() {
      const { url } = yield* start({
        table: model(lookingUp()),
        e: folder(ensemble({
          batch: 0,
          steps: [lookUp("IN", "OUT")],
          inputs: { IN: { dims: "-1, 16" } },
          outputs: { OUT: { dims: "-1, 16" } },
          more: "parameters { key: \"galatea.fan_out.0\" value { string_value: \"IN\" } }"
        }))
      })
      const response = yield* Effect.promise(() =>
        fetch(`${url}/v2/models/e/infer`, {
          method: "POST",
          body: JSON.stringify({
            inputs: [{
              name: "IN",
              datatype: "INT32",
              shape: [3, 16],
              data: [0, 2, 1].flatMap((value) => new Array(16).fill(value))
            }]
          })
        })
      )
      const { outputs, parameters } = (yield* Effect.promise(() => response.json())) as {
        readonly outputs: ReadonlyArray<{ readonly shape: ReadonlyArray<number>; readonly data: ReadonlyArray<number> }>
        readonly parameters: unknown
      }
      assert.deepStrictEqual(outputs[0]!.shape, [3, 16])
      assert.deepStrictEqual([0, 16, 32].map((at) => outputs[0]!.data[at]), [10, 30, 20])
      assert.deepStrictEqual(parameters, { sequence_id: 0, sequence_start: false, sequence_end: false })
      assert.match(response.headers.get("server-timing")!, /^queue;dur=0, .*, batch;desc="1", wall;dur=[\d.]+$/)
    }))

  it.live("72 through an ensemble: a sequence of nine requests meets one state", () =>
    Effect.gen(function*() {
      const { client } = yield* start({
        sum: model(SequenceModels.accumulator(), SequenceModels.accumulatorConfig()),
        e: folder(ensemble({
          steps: [{ model: "sum", inputs: { INPUT: "IN" }, outputs: { OUTPUT: "OUT" } }],
          inputs: { IN: { dims: "1" } },
          outputs: { OUT: { dims: "1" } }
        }))
      })
      const found: Array<unknown> = []
      for (let i = 1; i <= 9; i++) {
        const sequence = { id: 1001, start: i === 1, end: i === 9 }
        const given = { IN: { data: Int32Array.of(i), shape: [1, 1] } }
        const { outputs } = yield* Effect.promise(() => client.infer("e", given, { sequence }))
        found.push((outputs["OUT"]!.data as Int32Array)[0])
      }
      assert.deepStrictEqual(found, [1, 3, 6, 10, 15, 21, 28, 36, 45])
      const [statistics] = yield* Effect.promise(() => client.statistics("e"))
      assert.strictEqual(statistics?.execution_count, 9)
      assert.deepStrictEqual(statistics?.batch_stats.map((row) => [row.batch_size, row.compute_infer.count]), [[1, 9]])
    }))

  it.live("keep the sequences of their steps apart", () =>
    Effect.gen(function*() {
      const sum = model(SequenceModels.accumulator(), SequenceModels.accumulatorConfig())
      const add = (name: string, from: string, to: string): Step => ({
        model: name,
        inputs: { INPUT: from },
        outputs: { OUTPUT: to }
      })
      const { client } = yield* start({
        first: sum,
        second: sum,
        e: folder(ensemble({
          steps: [add("first", "IN", "a"), add("second", "a", "OUT")],
          inputs: { IN: { dims: "1" } },
          outputs: { OUT: { dims: "1" } }
        }))
      })
      const next = (id: number | string, value: number, place: "start" | "middle" | "end") =>
        Effect.promise(async () => {
          const sequence = { id, start: place === "start", end: place === "end" }
          const given = { IN: { data: Int32Array.of(value), shape: [1, 1] } }
          const { outputs, parameters } = await client.infer("e", given, { sequence })
          assert.strictEqual(String(parameters["sequence_id"]), String(id))
          return (outputs["OUT"]!.data as Int32Array)[0]
        })
      assert.strictEqual(yield* next(5, 1, "start"), 1)
      assert.strictEqual(yield* next("5", 10, "start"), 10)
      assert.strictEqual(yield* next(5, 1, "middle"), 3)
      assert.strictEqual(yield* next("5", 10, "middle"), 30)
      assert.strictEqual(yield* next(5, 1, "end"), 6)
      assert.strictEqual(yield* next(5, 1, "start"), 1)
      assert.strictEqual(yield* next("5", 10, "end"), 60)
    }))
})
