/** What broken and hostile clients of the inference service send. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { empty, eventually } from "../http/Wire.ts"
import { connect, framed } from "./Client.ts"
import { ask, good, goodAnswer, inferBytes, inferRequest, start } from "./Frontend.ts"

const malformed = [13, "Unable to parse request"]

describe("Bad input", () => {
  it.live("that is no protobuf is INTERNAL, for every procedure with a message", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      const bad = [
        // A length beyond the end, field number 0, a wire type that is none, a string that is not UTF-8, an endless number.
        Uint8Array.of(10, 100, 1),
        Uint8Array.of(0),
        Uint8Array.of(15),
        Uint8Array.of(10, 2, 0xc3, 0x28),
        new Uint8Array(20).fill(0xff)
      ]
      for (const path of ["ModelInfer", "ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics"]) {
        for (const bytes of bad) {
          const { message, status } = yield* client.unary(path, bytes)
          assert.deepStrictEqual([status, message], malformed, `${path} ${bytes}`)
        }
      }
      assert.deepStrictEqual(yield* good(client), goodAnswer)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("with fields that nobody knows is read without them", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* connect(port)
      const unknown = Uint8Array.of(0xa0, 6, 7, 0xaa, 6, 2, 1, 2)
      const { messages, status } = yield* client.unary("ModelInfer", Buffer.concat([unknown, inferBytes([4])]))
      assert.strictEqual(status, 0)
      assert.strictEqual(Messages.response(messages[0]!).model_name, "echo")
      assert.strictEqual((yield* client.unary("ServerLive", unknown)).status, 0)
    }).pipe(Effect.scoped))

  it.live("of wrong counts, datatypes and mixed contents is INVALID_ARGUMENT", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      const input = { name: "X", datatype: "FP32", shape: [1] }
      const four = new Uint8Array(4)
      const infer = (more: Messages.Request) => ask(client, "ModelInfer", inferRequest([1], more))
      assert.strictEqual(
        yield* infer({ inputs: [input, { ...input, name: "Y" }] }),
        "3 unable to find data for input tensor 'Y' for model 'echo' in request."
      )
      assert.strictEqual(
        yield* infer({ inputs: [input, input], raw_input_contents: [four, four] }),
        "3 [request id: <id_unknown>] input 'X' already exists in request"
      )
      assert.strictEqual(
        yield* infer({ inputs: [{ ...input, contents: { fp32_contents: [1] } }] }),
        "3 contents field must not be specified when using raw_input_contents for 'X' for model 'echo'"
      )
      assert.strictEqual(
        yield* infer({
          inputs: [{ ...input, datatype: "FLOAT9", contents: { fp32_contents: [1] } }],
          raw_input_contents: []
        }),
        "3 unexpected explicit tensor data for input tensor 'X' for model 'echo' of type 'FP32', expected datatype '<invalid>'"
      )
      // More raw contents than inputs are ignored.
      assert.isObject(yield* infer({ raw_input_contents: [four, four, four] }))
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("that is too large is RESOURCE_EXHAUSTED, and the connection lives", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxMessageBytes: 10_000 })
      const client = yield* connect(port)
      const big = inferBytes(Array.from({ length: 5000 }, () => 1))
      for (const path of ["ModelInfer", "ModelStreamInfer"]) {
        const call = client.begin(path)
        call.stream.end(framed(big))
        assert.strictEqual((yield* call.end).status, 8, path)
        assert.deepStrictEqual(yield* good(client), goodAnswer)
      }
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("beyond the bounds of requests and bytes in flight is UNAVAILABLE", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxInflightRequests: 2, maxInflightBytes: 100_000 })
      const client = yield* connect(port)
      fake.work = Effect.never
      const first = client.begin("ModelInfer")
      first.stream.end(framed(inferBytes(Array.from({ length: 20_000 }, () => 1))))
      yield* eventually(() => fake.requests.length, (seen) => seen === 1)
      fake.work = Effect.void
      const big = inferRequest(Array.from({ length: 10_000 }, () => 1))
      assert.match(String(yield* ask(client, "ModelInfer", big)), /^14 .*--grpc-max-inflight-bytes/)
      assert.deepStrictEqual(yield* good(client), goodAnswer)
      fake.work = Effect.never
      const second = client.begin("ModelInfer")
      second.stream.end(framed(inferBytes([1])))
      yield* eventually(() => fake.requests.length, (seen) => seen === 3)
      assert.match(
        String(yield* ask(client, "ModelInfer", inferRequest([1]))),
        /^14 .*--grpc-max-inflight-requests/
      )
      // A full server still says that it lives.
      assert.deepStrictEqual(yield* ask(client, "ServerLive"), { live: true })
      first.cancel()
      second.cancel()
      yield* empty(held)
      fake.work = Effect.void
      assert.deepStrictEqual(yield* good(client), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("of no message, of two, and of a call that ends early, harms nobody else", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const none = client.begin("ModelInfer")
      none.halfClose()
      assert.notStrictEqual((yield* none.end).status, 0)
      const two = client.begin("ModelInfer")
      two.send(inferBytes([1]))
      two.send(inferBytes([1]))
      two.halfClose()
      assert.notStrictEqual((yield* two.end).status, 0)
      const half = client.begin("ModelInfer")
      half.stream.end(framed(inferBytes([1])).subarray(0, 20))
      assert.notStrictEqual((yield* half.end).status, 0)
      assert.strictEqual(fake.requests.length, 0)
      assert.deepStrictEqual(yield* good(client), goodAnswer)
      yield* empty(held)
    }).pipe(Effect.scoped))
})
