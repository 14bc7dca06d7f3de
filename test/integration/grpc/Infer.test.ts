/** `ModelInfer` over a real connection. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope } from "effect"
import * as Zlib from "node:zlib"
import { ExecutionFailed, QueueFull } from "../../../src/schema/Errors.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { empty, eventually } from "../http/Wire.ts"
import { connect, framed } from "./Client.ts"
import { ask, good, goodAnswer, inferBytes, inferRequest, start, valuesOf } from "./Frontend.ts"

const responseOf = (answer: Messages.Response | string): Messages.Response => {
  if (typeof answer === "string") throw new Error(answer)
  return answer
}

describe("ModelInfer", () => {
  it.live("answers with the outputs as raw contents, and echoes the id", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const response = responseOf(yield* ask(client, "ModelInfer", inferRequest([1, 2.5], { id: "é" })))
      assert.deepStrictEqual(
        { ...response, raw_output_contents: [valuesOf(response)] } as unknown,
        {
          model_name: "echo",
          model_version: "1",
          id: "é",
          parameters: {},
          outputs: [{ name: "X", datatype: "FP32", shape: [2], parameters: {}, contents: undefined }],
          raw_output_contents: [[1, 2.5]]
        }
      )
      assert.strictEqual(fake.released, 1)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("reads typed contents", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* connect(port)
      const inputs = [{ name: "X", datatype: "FP32", shape: [3], contents: { fp32_contents: [1, -2, 0.5] } }]
      const response = responseOf(yield* ask(client, "ModelInfer", { model_name: "echo", inputs }))
      assert.deepStrictEqual(valuesOf(response), [1, -2, 0.5])
      assert.strictEqual(fake.requests[0]!.inputs[0]!.datatype, "FP32")
    }).pipe(Effect.scoped))

  it.live("receives large tensors into shared memory and gives it back", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const values = Array.from({ length: 150_528 }, (_, i) => i)
      for (
        const request of [
          inferRequest(values),
          inferRequest([], {
            inputs: [{ name: "X", datatype: "FP32", shape: [values.length], contents: { fp32_contents: values } }],
            raw_input_contents: []
          })
        ]
      ) {
        const response = responseOf(yield* ask(client, "ModelInfer", request))
        assert.deepStrictEqual(valuesOf(response), values)
        const { data } = fake.requests.at(-1)!.inputs[0]!
        assert.instanceOf(data.buffer, SharedArrayBuffer)
        assert.strictEqual(data.byteOffset % 4, 0)
      }
      assert.strictEqual(fake.released, 2)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("says what is wrong, by code and text", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const infer = (more: Messages.Request) => ask(client, "ModelInfer", inferRequest([1], more))
      assert.strictEqual(
        yield* infer({ model_name: "nope" }),
        "5 Request for unknown model: 'nope' is not found"
      )
      assert.strictEqual(
        yield* infer({ model_version: "2" }),
        "5 Request for unknown model: 'echo' version 2 is not found"
      )
      assert.strictEqual(
        yield* infer({ model_name: "stream" }),
        "12 ModelInfer RPC doesn't support models with decoupled transaction policy"
      )
      assert.strictEqual(
        yield* infer({ parameters: { timeout: { bool_param: true } } }),
        "3 invalid value type for 'timeout' parameter, expected int64_param."
      )
      fake.work = Effect.fail(new ExecutionFailed({ model: "echo", message: "it broke: 50 % 🙂\n" }))
      assert.strictEqual(yield* infer({}), "13 it broke: 50 % 🙂\n")
      fake.work = Effect.fail(new QueueFull({ model: "echo", capacity: 1, message: "full" }))
      assert.strictEqual(yield* infer({}), "14 full")
      fake.work = Effect.die(new Error("a planted bug"))
      assert.match(String(yield* infer({})), /^13 /)
      fake.work = Effect.void
      assert.deepStrictEqual(yield* good(client), goodAnswer)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("makes parameters of matching metadata, not of gRPC's own", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({ headerForwardPattern: "x-|grpc|te" })
      const client = yield* connect(port)
      yield* ask(client, "ModelInfer", inferRequest([1]), {
        "x-a": "1",
        "grpc-timeout": "5S",
        "grpc-accept-encoding": "gzip"
      })
      assert.deepStrictEqual(fake.requests[0]!.parameters, new Map([["x-a", "1"]]))
      assert.strictEqual(
        yield* ask(client, "ModelInfer", inferRequest([1]), { "triton_x-": "1" }),
        "3 Header 'triton_x-' is reserved for Triton usage and cannot be forwarded."
      )
    }).pipe(Effect.scoped))

  it.live("gives the deadline of a call to its request, and ends it there", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      yield* ask(client, "ModelInfer", inferRequest([1]), { "grpc-timeout": "10S" })
      assert.isAbove(fake.requests[0]!.deadlineMicros, 5_000_000)
      assert.isAtMost(fake.requests[0]!.deadlineMicros, 10_000_000)
      yield* ask(client, "ModelInfer", inferRequest([1]))
      assert.strictEqual(fake.requests[1]!.deadlineMicros, 0)
      fake.work = Effect.never
      assert.match(String(yield* ask(client, "ModelInfer", inferRequest([1]), { "grpc-timeout": "400m" })), /^4 /)
      yield* eventually(() => fake.interrupted, (seen) => seen === 1)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("cancels the request of a call that is cancelled, thousands of times", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      fake.work = Effect.never
      const rounds = 20
      const calls = 100
      for (let round = 1; round <= rounds; round++) {
        const begun = Array.from({ length: calls }, () => client.begin("ModelInfer"))
        for (const call of begun) call.stream.end(framed(inferBytes([1])))
        yield* eventually(() => fake.requests.length, (seen) => seen === round * calls)
        for (const call of begun) call.cancel()
        yield* eventually(() => fake.interrupted, (seen) => seen === round * calls)
      }
      yield* empty(held)
      fake.work = Effect.void
      assert.deepStrictEqual(yield* good(client), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("reads compressed messages, and compresses its own as the level says and the client can read", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ compression: "low" })
      const client = yield* connect(port)
      const call = client.begin("ModelInfer", {
        "grpc-encoding": "gzip",
        "grpc-accept-encoding": "identity, deflate, gzip"
      })
      const values = Array.from({ length: 5000 }, () => 1)
      call.stream.end(framed(Zlib.gzipSync(inferBytes(values)), 1))
      assert.strictEqual((yield* call.end).status, 0)
      assert.strictEqual(call.headers["grpc-encoding"], "gzip")
      assert.deepStrictEqual(call.compressed, [1])
      assert.deepStrictEqual(valuesOf(Messages.response(Zlib.gunzipSync(call.messages[0]!))), values)
      const deflate = yield* client.unary("ModelInfer", inferBytes(values), { "grpc-accept-encoding": "deflate" })
      assert.strictEqual(deflate.call.headers["grpc-encoding"], "deflate")
      const plain = yield* client.unary("ModelInfer", inferBytes(values), { "grpc-accept-encoding": "br" })
      assert.deepStrictEqual(plain.call.compressed, [0])
      assert.deepStrictEqual(valuesOf(Messages.response(plain.messages[0]!)), values)
    }).pipe(Effect.scoped))

  it.live("refuses a response that is too large to be sent", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxSendMessageBytes: 1000 })
      const client = yield* connect(port)
      for (const length of [400, 40_000]) {
        const answer = yield* ask(client, "ModelInfer", inferRequest(Array.from({ length }, () => 1)))
        assert.match(String(answer), /^3 Response has byte size \d+ which exceeds gRPC's byte size limit 1000\.$/)
      }
      assert.strictEqual(fake.released, 2)
      assert.deepStrictEqual(yield* good(client), goodAnswer)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("takes no requests once the server is about to end", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* connect(port)
      fake.stopping = true
      assert.strictEqual(
        yield* ask(client, "ModelInfer", inferRequest([1])),
        "14 GRPC server is shutting down and has stopped accepting new requests."
      )
    }).pipe(Effect.scoped))

  it.live("finishes requests in flight when the server ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, port } = yield* Scope.provide(start(), scope)
      const client = yield* connect(port)
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const call = client.begin("ModelInfer")
      call.stream.end(framed(inferBytes([1])))
      yield* eventually(() => fake.requests.length, (seen) => seen === 1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.sleep("50 millis")
      assert.isUndefined(call.ended)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* call.end).status, 0)
      yield* Effect.yieldNow
      yield* eventually(() => closing.pollUnsafe() !== undefined, (seen) => seen)
    }).pipe(Effect.scoped))
})
