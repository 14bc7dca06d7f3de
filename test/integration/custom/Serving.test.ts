/** Custom models behind HTTP: everything that a server does with a model, done with one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Child from "../cli/Child.ts"
import { infer, model, numbers, serve, start, until } from "./Running.ts"

const head = `import { Effect } from "effect"
import { InvalidRequest, Tensor } from "galatea/custom"
const all = (tensor, values) => [Tensor.from("Y", tensor.shape, Float32Array.from(values))]
`
/** Gives the rows of the batch that each request ran in. */
const batch = `${head}export default ({ X }) => all(X, Array(X.shape[0]).fill(X.shape[0]))`
/** Gives how often its instance ran before. */
const counter = `${head}let runs = 0
export default ({ X }) => all(X, Array(X.shape[0]).fill(runs++))`

describe("a custom model", () => {
  it.live("is batched, and answers each caller its own rows", () =>
    Effect.gen(function*() {
      const batching = "dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 60000000 }"
      const url = yield* start({
        sizes: model(`max_batch_size: 8 ${batching} ${numbers}`, batch),
        double: model(
          `max_batch_size: 8 ${batching} ${numbers}`,
          `${head}export default ({ X }) => Effect.delay(
             Effect.sync(() => all(X, Tensor.values(X, "FP32").map((x) => x * 2))), 1)`
        )
      })
      const ask = (name: string) =>
        Effect.forEach([1, 2, 3, 4], (value) => infer(url, name, value), { concurrency: "unbounded" })
      assert.deepStrictEqual((yield* ask("sizes")).map(({ outputs }) => outputs["Y"]), [[4], [4], [4], [4]])
      assert.deepStrictEqual((yield* ask("double")).map(({ outputs }) => outputs["Y"]), [[2], [4], [6], [8]])
    }).pipe(Effect.scoped))

  it.live("does without optional inputs, and shares a batch with those that do so too", () =>
    Effect.gen(function*() {
      const config = (rest: string) =>
        `max_batch_size: 8 ${rest}
         input [ { name: "X" data_type: TYPE_FP32 dims: [ 1 ] }, { name: "B" data_type: TYPE_FP32 dims: [ 1 ] optional: true } ]
         output [ { name: "Y" data_type: TYPE_FP32 dims: [ 1 ] } ]`
      // The sum, and beside it the rows of the batch.
      const source = `${head}export default ({ B, X }) => {
        const more = B === undefined ? undefined : Tensor.values(B, "FP32")
        return all(X, Tensor.values(X, "FP32").map((x, i) => 100 * X.shape[0] + x + (more === undefined ? 0 : more[i])))
      }`
      const url = yield* start({
        batched: model(
          config("dynamic_batching { preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 60000000 }"),
          source
        ),
        sequences: model(
          config("sequence_batching { oldest { max_candidate_sequences: 8 max_queue_delay_microseconds: 50000 } }"),
          source
        )
      })
      const ask = (name: string, given: Readonly<Record<string, number>>, id: number) =>
        Effect.map(
          Child.ask(`${url}/v2/models/${name}/infer`, {
            method: "POST",
            body: JSON.stringify({
              parameters: name === "sequences" ? { sequence_id: id, sequence_start: true, sequence_end: true } : {},
              inputs: Object.entries(given).map(([name, value]) => ({
                name,
                datatype: "FP32",
                shape: [1, 1],
                data: [value]
              }))
            })
          }),
          ({ text }) => (JSON.parse(text) as { readonly outputs: ReadonlyArray<{ data: unknown }> }).outputs[0]!.data
        )
      const answers = (name: string, given: ReadonlyArray<Readonly<Record<string, number>>>) =>
        Effect.forEach(given, (inputs, i) => ask(name, inputs, i + 1), { concurrency: "unbounded" })
      const having = [{ X: 1, B: 10 }, { X: 2, B: 20 }]
      const without = [{ X: 3 }, { X: 4 }]
      assert.deepStrictEqual(yield* answers("batched", having), [[211], [222]])
      assert.deepStrictEqual(yield* answers("batched", without), [[203], [204]])
      const mixed = yield* answers("sequences", [...having, ...without])
      const rest = mixed.map((values) => (values as ReadonlyArray<number>)[0]! % 100)
      assert.deepStrictEqual(rest, [11, 22, 3, 4])
    }).pipe(Effect.scoped))

  it.live("has instances that run side by side, is warmed up, and answers golden requests before anybody else", () =>
    Effect.gen(function*() {
      const warmup = `model_warmup { name: "w" batch_size: 1 count: 2
        inputs { key: "X" value { data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } } }`
      const golden = (value: number) =>
        JSON.stringify({
          request: { inputs: [{ name: "X", datatype: "FP32", shape: [1, 1], data: [0] }] },
          response: { outputs: [{ name: "Y", datatype: "FP32", shape: [1, 1], data: [value] }] }
        })
      const url = yield* start({
        both: model(
          `max_batch_size: 2 instance_group { count: 2 kind: KIND_CPU } ${numbers}`,
          `${head}export default ({ X }, { instance }) =>
             Effect.delay(Effect.sync(() => all(X, [Number(instance.at(-1))])), 200)`
        ),
        warm: model(`max_batch_size: 2 ${warmup} ${numbers}`, counter, { golden: { "a.json": golden(2) } })
      })
      const answers = yield* Effect.forEach([1, 2], (value) => infer(url, "both", value), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.map(({ outputs }) => outputs["Y"]![0]).sort(), [0, 1])
      assert.deepStrictEqual((yield* infer(url, "warm", 0)).outputs, { Y: [3] })
    }).pipe(Effect.scoped))

  it.live("is cached, limited, and loaded on demand as any model", () =>
    Effect.gen(function*() {
      const url = yield* start({
        cached: model(`max_batch_size: 2 response_cache { enable: true } ${numbers}`, counter),
        limited: model(
          `max_batch_size: 2 instance_group { kind: KIND_CPU rate_limiter { resources { name: "R" count: 1 } } } ${numbers}`,
          counter
        )
      }, {
        cacheConfig: [{ scope: "local", key: "size", value: "1048576" }],
        rateLimit: "execution_count",
        modelResidencyIdleSecs: 3600
      })
      const answers = yield* Effect.forEach([5, 5, 6], (value) => infer(url, "cached", value))
      assert.deepStrictEqual(answers.map(({ outputs }) => outputs["Y"]), [[0], [0], [1]])
      assert.deepStrictEqual((yield* infer(url, "limited", 0)).outputs, { Y: [0] })
    }).pipe(Effect.scoped))

  it.live("fails the request with its own words, and crashes alone", () =>
    Effect.gen(function*() {
      const faulty = `${head}export default ({ X }) => {
        switch (Tensor.values(X, "FP32")[0]) {
          case 1: return Effect.fail(new InvalidRequest({ message: "1 is not allowed" }))
          case 2: return Effect.fail({ message: "out of luck" })
          case 3: return [Tensor.from("Z", [1, 1], Float32Array.of(0))]
          case 4: return process.exit(1)
          default: return { Y: X }
        }
      }`
      const url = yield* start({
        faulty: model(`max_batch_size: 2 ${numbers}`, faulty),
        other: model(`max_batch_size: 2 ${numbers}`, counter)
      })
      const told = (value: number) => Effect.map(infer(url, "faulty", value), ({ error, status }) => [status, error])
      assert.deepStrictEqual(yield* told(1), [400, "1 is not allowed"])
      assert.deepStrictEqual(yield* told(2), [500, "custom model error: out of luck"])
      assert.deepStrictEqual(yield* told(3), [
        500,
        "custom model error: the model gave an output 'Z', which its config does not have: it has 'Y'"
      ])
      const [status, error] = yield* told(4)
      assert.strictEqual(status, 503)
      assert.include(String(error), "instance 'faulty_0' of model 'faulty' was lost while it ran the request")
      assert.strictEqual((yield* infer(url, "other", 0)).status, 200)
      yield* until(infer(url, "faulty", 7), ({ status }) => status === 200)
    }).pipe(Effect.scoped))

  it.live("is loaded anew where a file of its version changed", () =>
    Effect.gen(function*() {
      const source = (value: number) =>
        `${head}import { value } from "./value.mjs"
        export default ({ X }) => all(X, [value + ${value}])`
      const folder = yield* Child.folder({
        m: model(`max_batch_size: 2 ${numbers}`, source(1), { "value.mjs": "export const value = 10" })
      })
      const url = yield* serve(folder, { modelControlMode: "explicit", loadModel: ["m"] })
      assert.deepStrictEqual((yield* infer(url, "m", 0)).outputs, { Y: [11] })
      writeFileSync(join(folder, "m/1/value.mjs"), "export const value = 20")
      const { status } = yield* Child.ask(`${url}/v2/repository/models/m/load`, { method: "POST" })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual((yield* infer(url, "m", 0)).outputs, { Y: [21] })
    }).pipe(Effect.scoped))

  it.live("does not run where its files came with a load, unless that is allowed", () =>
    Effect.gen(function*() {
      const load = (url: string) =>
        Child.ask(`${url}/v2/repository/models/guest/load`, {
          method: "POST",
          body: JSON.stringify({
            parameters: {
              config: JSON.stringify({
                name: "guest",
                platform: "custom",
                max_batch_size: 2,
                input: [{ name: "X", data_type: "TYPE_FP32", dims: [1] }],
                output: [{ name: "Y", data_type: "TYPE_FP32", dims: [1] }]
              }),
              "file:1/model.ts": Buffer.from(counter).toString("base64")
            }
          })
        })
      const closed = yield* start({}, { modelControlMode: "explicit" })
      const refused = yield* load(closed)
      assert.strictEqual(refused.status, 500)
      assert.include(refused.text, "model 'guest' is a custom model, whose code runs with the rights of the server")
      assert.include(refused.text, "start the server with --custom-models=all")
      const open = yield* start({}, { modelControlMode: "explicit", customModels: "all" })
      assert.strictEqual((yield* load(open)).status, 200)
      assert.deepStrictEqual((yield* infer(open, "guest", 0)).outputs, { Y: [0] })
    }).pipe(Effect.scoped))

  it.live("is checked by the command line, and refused where none may run", () =>
    Effect.gen(function*() {
      const good = { good: model(`max_batch_size: 2 ${numbers}`, counter) }
      const folder = yield* Child.folder({
        ...good,
        empty: { "config.pbtxt": `platform: "custom"\n${numbers}`, "1": {} },
        escapes: model(`default_model_filename: "../../good/1/model.ts" ${numbers}`, counter),
        silent: model("", counter),
        setup: model(
          `parameters { key: "intra_op_thread_count" value { string_value: "2" } } ${numbers}`,
          `${head}export const make = () => Effect.fail({ message: "words.txt is not there" })`
        )
      })
      const checked = yield* Child.run(["check", folder])
      assert.strictEqual(checked.code, 1)
      const said = `${checked.out}${checked.err}`
      for (
        const text of [
          "the custom model 'empty' has no module: looked for one of model.ts, model.mts, model.mjs, model.js in",
          "default_model_filename '../../good/1/model.ts' of model 'escapes' leads out of the version directory",
          "the config of the custom model 'silent' has no input: nothing can be derived from its module",
          "custom model error: words.txt is not there",
          "parameter 'intra_op_thread_count' of ONNX Runtime has no effect"
        ]
      ) assert.include(said, text)
      assert.notInclude(said, "'good'")
      const none = yield* Child.run(["check", yield* Child.folder(good), "--custom-models=none"])
      assert.strictEqual(none.code, 1)
      assert.include(`${none.out}${none.err}`, "this server runs none (--custom-models=none)")
    }).pipe(Effect.scoped))
})
