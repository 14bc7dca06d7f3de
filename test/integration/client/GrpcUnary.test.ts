/** Unary calls of the gRPC client against a server that each test makes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { gunzipSync, gzipSync } from "node:zlib"
import type { GrpcMetadata } from "../../../src/client/grpc/GrpcMetadata.ts"
import * as Fields from "../../../src/schema/proto/InferFields.ts"
import * as Status from "../../../src/schema/proto/StatusFields.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import { eventually } from "../http/Wire.ts"
import { answering, failure, readiness, ready, reason } from "./GrpcCalls.ts"
import { type ServedCall } from "./GrpcServer.ts"

describe("A unary call", () => {
  it.live("sends its message and metadata, and gives the answer with the server's", () =>
    Effect.gen(function*() {
      const seen: Array<{ readonly headers: ServedCall["headers"]; readonly message: Buffer }> = []
      const rpcs = yield* answering((call) => {
        void call.messages().then(([message]) => {
          seen.push({ headers: call.headers, message: message!.bytes })
          call.answer([encode(Status.ModelReadyResponse, { ready: true })], {
            headers: { "x-first": "1", "x-raw-bin": "AQI" },
            trailers: { "x-last": "2" }
          })
        })
      }, { metadata: { "x-all": "a" } })
      const got: Array<GrpcMetadata> = []
      const answer = yield* Effect.promise(() =>
        rpcs.modelReady({ name: "m", version: "3" }, {
          timeoutMillis: 50_000,
          metadata: { "X-One": ["b", "c"], "x-bin": Uint8Array.of(255, 0) },
          onHeaders: (metadata) => got.push(metadata),
          onTrailers: (metadata) => got.push(metadata)
        })
      )
      assert.deepStrictEqual(answer, { ready: true })
      const [call] = seen
      const { headers, message } = call!
      assert.deepStrictEqual(Result.getOrThrow(decode(Status.ModelReadyRequest, message)), { name: "m", version: "3" })
      assert.strictEqual(headers[":path"], "/inference.GRPCInferenceService/ModelReady")
      assert.deepStrictEqual(
        [headers["content-type"], headers.te, headers["x-all"], headers["x-one"], headers["x-bin"]],
        ["application/grpc", "trailers", "a", "b, c", "/wA"]
      )
      const [, micros] = /^(\d{1,8})u$/.exec(String(headers["grpc-timeout"]))!
      assert.isTrue(Number(micros) <= 50_000_000 && Number(micros) > 20_000_000, micros)
      assert.strictEqual(got.length, 2)
      assert.strictEqual(got[0]!["x-first"], "1")
      assert.deepStrictEqual([...got[0]!["x-raw-bin"] as Uint8Array], [1, 2])
      assert.deepStrictEqual(got[1], { "x-last": "2" })
    }).pipe(Effect.scoped))

  it.live("carries large tensors both ways, those of the answer aligned", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering((call) => {
        void call.messages().then(([message]) => {
          const { raw_input_contents } = Result.getOrThrow(decode(Fields.ModelInferRequest, message!.bytes))
          call.answer([encode(Fields.ModelInferResponse, { id: "x", raw_output_contents: raw_input_contents })])
        })
      })
      const tensor = new Float64Array(1_000_000).map((_, i) => i)
      const { raw_output_contents } = yield* Effect.promise(() =>
        rpcs.modelInfer({ model_name: "m", raw_input_contents: [new Uint8Array(tensor.buffer)] })
      )
      const [bytes] = raw_output_contents
      assert.strictEqual(bytes!.byteOffset % 8, 0)
      assert.deepStrictEqual(new Float64Array(bytes!.buffer, bytes!.byteOffset, 1_000_000), tensor)
    }).pipe(Effect.scoped))

  it.live("fails with the status and the text of the server, with messages before it or not", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer, headers, stream }) => {
        const end = {
          "grpc-status": 5,
          "grpc-message": "no %E2%82%AC 100%% model",
          "grpc-retry-pushback-ms": "1000"
        }
        if (headers["x-late"] === undefined) {
          stream.respond({ ":status": 200, "content-type": "application/grpc", ...end }, { endStream: true })
        } else answer([ready(true)], { status: 5, trailers: end })
      })
      for (const metadata of [{}, { "x-late": "1" }]) {
        const error = yield* failure(readiness(rpcs, { metadata }))
        assert.deepStrictEqual(
          [error.status, error.code, error.method, error.metadata["grpc-retry-pushback-ms"], error.local],
          ["NOT_FOUND", 5, "/inference.GRPCInferenceService/ServerReady", "1000", false]
        )
        assert.strictEqual(error.message, "no € 100%% model")
      }
    }).pipe(Effect.scoped))

  it.live("compresses requests and reads compressed answers", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const rpcs = yield* answering((call) => {
        void call.messages().then(([message]) => {
          seen.push(`${call.headers["grpc-encoding"]} ${message!.compressed}`)
          const bytes = message!.compressed ? gunzipSync(message!.bytes) : message!.bytes
          const { id } = Result.getOrThrow(decode(Fields.ModelInferRequest, bytes))
          call.answer([gzipSync(encode(Fields.ModelInferResponse, { id }))], {
            headers: { "grpc-encoding": "gzip" },
            compressed: 1
          })
        })
      }, { compression: "gzip", maxMessageBytes: 5000 })
      const id = "i".repeat(4000)
      assert.strictEqual((yield* Effect.promise(() => rpcs.modelInfer({ id }))).id, id)
      yield* Effect.promise(() => rpcs.modelInfer({ id }, { compression: "identity" }))
      assert.deepStrictEqual(seen, ["gzip true", "undefined false"])
      const error = yield* failure(rpcs.modelInfer({ id: "i".repeat(6000) }))
      assert.deepStrictEqual([error.status, error.message], [
        "RESOURCE_EXHAUSTED",
        "the server sent a message of more than 5000 bytes"
      ])
    }).pipe(Effect.scoped))

  it.live("fails on answers that break the protocol", () =>
    Effect.gen(function*() {
      const answers: Readonly<Record<string, (call: ServedCall) => void>> = {
        "INTERNAL: 0 answers instead of one": ({ answer }) => answer([]),
        "INTERNAL: 2 answers instead of one": ({ answer }) => answer([ready(true), ready(true)]),
        "INTERNAL: Unable to parse inference.ServerReadyResponse: the bytes end inside a number (at byte 1)": (
          { answer }
        ) => answer([Uint8Array.of(8)]),
        "RESOURCE_EXHAUSTED: the server sent a message of 2000 bytes, more than the 1000 of maxMessageBytes": (
          { answer }
        ) => answer([new Uint8Array(2000)]),
        "INTERNAL: the server sent a compressed message, and named the compression identity": ({ answer }) =>
          answer([ready(true)], { compressed: 1 }),
        "INTERNAL: the server sent a damaged message": ({ answer }) =>
          answer([ready(true)], { compressed: 1, headers: { "grpc-encoding": "gzip" } }),
        "INTERNAL: the server sent bytes that are no gRPC message": ({ answer }) =>
          answer([ready(true)], { compressed: 7 }),
        "UNAVAILABLE: the server answered with HTTP status 503 and no gRPC": ({ stream }) => {
          stream.respond({ ":status": 503, "content-type": "text/html" })
          stream.end("<html>busy</html>")
        },
        "RESOURCE_EXHAUSTED: the server reset the call, error code 11": ({ stream }) => stream.close(11),
        "INTERNAL: the server ended its answer inside a message": ({ stream }) => {
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": 0 }))
          stream.end(Buffer.from([0, 0, 0]))
        },
        "UNKNOWN: what": ({ answer }) => answer([], { status: 99, trailers: { "grpc-message": "what" } })
      }
      const names = Object.keys(answers)
      let next = 0
      const rpcs = yield* answering((call) => answers[names[next]!]!(call), { maxMessageBytes: 1000 })
      for (; next < names.length; next++) {
        const error = yield* failure(readiness(rpcs))
        assert.strictEqual(`${error.status}: ${error.message}`, names[next])
      }
    }).pipe(Effect.scoped))

  it.live("is given up at its deadline, of which the server hears", () =>
    Effect.gen(function*() {
      const ended: Array<number | undefined> = []
      const rpcs = yield* answering(({ stream }) => {
        stream.on("close", () => ended.push(stream.rstCode))
      }, { timeoutMillis: 400 })
      const error = yield* failure(readiness(rpcs))
      assert.deepStrictEqual([error.status, error.message, error.local], [
        "DEADLINE_EXCEEDED",
        "the deadline passed: no answer within 400 ms",
        true
      ])
      yield* eventually(() => ended, (codes) => codes.length === 1)
      assert.deepStrictEqual(ended, [8])
    }).pipe(Effect.scoped))

  it.live("is aborted by its signal, whose reason it rejects with", () =>
    Effect.gen(function*() {
      const calls: Array<ServedCall> = []
      const rpcs = yield* answering((call) => calls.push(call))
      const controller = new AbortController()
      const pending = reason(readiness(rpcs, { signal: controller.signal }))
      const mine = new Error("mine")
      yield* eventually(() => calls.length, (count) => count === 1)
      controller.abort(mine)
      assert.strictEqual(yield* pending, mine)
      yield* eventually(() => calls[0]!.stream.rstCode, (code) => code === 8)
      assert.strictEqual(yield* reason(readiness(rpcs, { signal: controller.signal })), mine)
      assert.strictEqual(calls.length, 1)
    }).pipe(Effect.scoped))

  it.live("refuses metadata that is gRPC's own, and numbers that a field cannot hold", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) => answer([ready(true)]))
      const own = yield* reason(readiness(rpcs, { metadata: { "grpc-timeout": "1S" } }))
      assert.strictEqual((own as Error).message, "metadata grpc-timeout: the name is gRPC's own")
      const text = yield* reason(readiness(rpcs, { metadata: { "x-bin": "text" } }))
      assert.strictEqual((text as Error).message, "metadata x-bin: a name that ends in -bin takes bytes")
      assert.instanceOf(yield* reason(rpcs.modelInfer({ inputs: [{ shape: [0.5] }] })), RangeError)
    }).pipe(Effect.scoped))
})
