/** Every procedure but inference, over a real connection. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import { connect } from "./Client.ts"
import { ask, good, goodAnswer, inferRequest, start } from "./Frontend.ts"

const notFound = "5 Request for unknown model: 'nope' is not found"
const noVersion = "5 Request for unknown model: 'echo' version 9 is not found"

describe("Procedures", () => {
  it.live("tell whether the server is live and ready", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      assert.deepStrictEqual(yield* ask(client, "ServerLive"), { live: true })
      assert.deepStrictEqual(yield* ask(client, "ServerReady"), { ready: true })
      fake.live = false
      fake.ready = false
      assert.deepStrictEqual(yield* ask(client, "ServerLive"), { live: false })
      assert.deepStrictEqual(yield* ask(client, "ServerReady"), { ready: false })
      assert.deepStrictEqual(held(), [0, 0, 0])
    }).pipe(Effect.scoped))

  it.live("tell whether a model is ready; one that is not there is not", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* connect(port)
      const ready = (name: string, version = "") => ask(client, "ModelReady", { name, version })
      assert.deepStrictEqual(yield* ready("echo"), { ready: true })
      assert.deepStrictEqual(yield* ready("echo", "1"), { ready: true })
      assert.deepStrictEqual(yield* ready("sick"), { ready: false })
      assert.deepStrictEqual(yield* ready("nope"), { ready: false })
      assert.deepStrictEqual(yield* ready("echo", "9"), { ready: false })
    }).pipe(Effect.scoped))

  it.live("give metadata", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* connect(port)
      assert.deepStrictEqual(yield* ask(client, "ServerMetadata"), {
        name: "galatea",
        version: "0.1",
        extensions: ["classification", "binary_tensor_data"]
      })
      const tensors = [{ name: "X", datatype: "FP32", shape: [-1] }]
      assert.deepStrictEqual(yield* ask(client, "ModelMetadata", { name: "a b/c" }), {
        name: "a b/c",
        versions: ["1"],
        platform: "onnxruntime_onnx",
        inputs: tensors,
        outputs: tensors
      })
      assert.strictEqual(yield* ask(client, "ModelMetadata", { name: "nope" }), notFound)
      assert.strictEqual(yield* ask(client, "ModelMetadata", { name: "echo", version: "9" }), noVersion)
    }).pipe(Effect.scoped))

  it.live("give configurations as they are", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* connect(port)
      assert.deepStrictEqual(
        yield* ask(client, "ModelConfig", { name: "stream" }),
        { config: fake.models.get("stream")!.config }
      )
      assert.strictEqual(yield* ask(client, "ModelConfig", { name: "nope" }), notFound)
    }).pipe(Effect.scoped))

  it.live("give statistics, every message of them present", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* connect(port)
      const books = new Books("echo", 1, () => 1_700_000_000_000)
      fake.models.set("echo", { ...fake.models.get("echo")!, statistics: books })
      books.succeeded(3, { request: 50, queue: 10, computeInput: 1, computeInfer: 2 ** 52, computeOutput: 3 })
      books.executed(3, { computeInput: 1, computeInfer: 2 ** 52, computeOutput: 3 })
      const none = { count: 0n, ns: 0n }
      const expected = {
        name: "echo",
        version: "1",
        last_inference: 1_700_000_000_000n,
        inference_count: 3n,
        execution_count: 1n,
        inference_stats: {
          success: { count: 1n, ns: 50n },
          fail: none,
          queue: { count: 1n, ns: 10n },
          compute_input: { count: 1n, ns: 1n },
          compute_infer: { count: 1n, ns: 2n ** 52n },
          compute_output: { count: 1n, ns: 3n },
          cache_hit: none,
          cache_miss: none
        },
        batch_stats: [{
          batch_size: 3n,
          compute_input: { count: 1n, ns: 1n },
          compute_infer: { count: 1n, ns: 2n ** 52n },
          compute_output: { count: 1n, ns: 3n }
        }],
        memory_usage: [],
        response_stats: {}
      }
      assert.deepStrictEqual(yield* ask(client, "ModelStatistics", { name: "echo" }), { model_stats: [expected] })
      assert.deepStrictEqual(yield* ask(client, "ModelStatistics", { name: "echo", version: "1" }), {
        model_stats: [expected]
      })
      // Of the models of the index, one is ready.
      assert.deepStrictEqual(yield* ask(client, "ModelStatistics"), { model_stats: [expected] })
      assert.strictEqual(
        yield* ask(client, "ModelStatistics", { name: "echo", version: "9" }),
        "3 requested model version is not available for model 'echo'"
      )
    }).pipe(Effect.scoped))

  it.live("list the repository", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* connect(port)
      const echo = { name: "echo", version: "1", state: "READY", reason: "" }
      assert.deepStrictEqual(yield* ask(client, "RepositoryIndex"), {
        models: [
          { name: "broken", version: "1", state: "UNAVAILABLE", reason: "Internal: \"bad\" file" },
          echo,
          { name: "never", version: "", state: "", reason: "" }
        ]
      })
      assert.deepStrictEqual(yield* ask(client, "RepositoryIndex", { ready: true }), { models: [echo] })
      assert.strictEqual(
        yield* ask(client, "RepositoryIndex", { repository_name: "r" }),
        "12 'repository_name' specification is not supported"
      )
    }).pipe(Effect.scoped))

  it.live("load models, with what the request brings", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* connect(port)
      const load = (parameters: Parameters<typeof ask<"RepositoryModelLoad">>[2]) =>
        ask(client, "RepositoryModelLoad", { model_name: "m", ...parameters })
      assert.deepStrictEqual(yield* load({}), {})
      assert.deepStrictEqual(
        yield* load({
          parameters: { config: { string_param: "{}" }, "file:1/a": { bytes_param: Buffer.from("bytes") } }
        }),
        {}
      )
      assert.deepStrictEqual(fake.loads, [{ name: "m" }, { name: "m", config: "{}", files: ["1/a=bytes"] }])
      assert.strictEqual(
        yield* load({ parameters: { config: { bytes_param: Buffer.from("{}") } } }),
        "3 invalid value type for load parameter 'config', expected string_param."
      )
      assert.strictEqual(
        yield* load({ parameters: { "file:1/a": { string_param: "" } } }),
        "3 invalid value type for load parameter 'file:1/a', expected bytes_param."
      )
      assert.strictEqual(yield* load({ parameters: { x: {} } }), "3 unrecognized load parameter 'x'.")
      assert.strictEqual(
        yield* load({ model_name: "missing" }),
        "13 failed to load 'missing', failed to poll from model repository"
      )
      assert.strictEqual(yield* load({ repository_name: "r" }), "12 'repository_name' specification is not supported")
      fake.allowControl = false
      assert.strictEqual(yield* load({}), "14 explicit model load / unload is not allowed if polling is enabled")
    }).pipe(Effect.scoped))

  it.live("unload models, with what depends on them if asked", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* connect(port)
      const unload = (parameters: Parameters<typeof ask<"RepositoryModelUnload">>[2]) =>
        ask(client, "RepositoryModelUnload", { model_name: "m", ...parameters })
      assert.deepStrictEqual(yield* unload({}), {})
      assert.deepStrictEqual(yield* unload({ parameters: { unload_dependents: { bool_param: true }, x: {} } }), {})
      assert.deepStrictEqual(fake.unloads, [{ name: "m", dependents: false }, { name: "m", dependents: true }])
      assert.strictEqual(
        yield* unload({ parameters: { unload_dependents: { string_param: "true" } } }),
        "3 invalid value type for 'unload_dependents' parameter, expected bool_param."
      )
      assert.strictEqual(
        yield* unload({ repository_name: "r" }),
        "12 'repository_name' specification is not supported"
      )
    }).pipe(Effect.scoped))

  it.live("that are not known are UNIMPLEMENTED without a text", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* connect(port)
      for (const path of ["Nope", "/other.Service/ModelInfer", "/"]) {
        const { message, status } = yield* client.unary(path, new Uint8Array(0))
        assert.deepStrictEqual([status, message], [12, ""], path)
      }
      assert.deepStrictEqual(yield* good(client), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("can be restricted by category", () =>
    Effect.gen(function*() {
      const { port } = yield* start({
        restrictions: [
          { categories: ["health", "inference"], header: "Admin", value: "s" },
          { categories: ["metadata"], header: "other", value: "t" }
        ]
      })
      const client = yield* connect(port)
      const text = (header: string) =>
        `14 This protocol is restricted, expecting header 'triton-grpc-protocol-${header}'`
      assert.strictEqual(yield* ask(client, "ServerLive"), text("Admin"))
      assert.strictEqual(yield* ask(client, "ServerLive", {}, { "triton-grpc-protocol-admin": "x" }), text("Admin"))
      assert.strictEqual(yield* ask(client, "ServerMetadata"), text("other"))
      assert.strictEqual(yield* ask(client, "ModelInfer", inferRequest([1])), text("Admin"))
      assert.deepStrictEqual(yield* ask(client, "ServerLive", {}, { "triton-grpc-protocol-admin": "s" }), {
        live: true
      })
      assert.deepStrictEqual(
        yield* ask(client, "ModelReady", { name: "nope" }, { "triton-grpc-protocol-admin": "s" }),
        {
          ready: false
        }
      )
      const stream = client.begin("ModelStreamInfer")
      const ended = yield* stream.end
      assert.strictEqual(`${ended.status} ${ended.message}`, text("Admin"))
      // What was not named is open.
      assert.strictEqual(yield* ask(client, "ModelConfig", { name: "nope" }), notFound)
    }).pipe(Effect.scoped))
})
