/** What is noted of requests over gRPC. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import type * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import { QueueFull } from "../../../src/schema/Errors.ts"
import { Tracing } from "../../../src/services/Tracing.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { connect, framed } from "../grpc/Client.ts"
import { inferBytes, start } from "../grpc/Frontend.ts"
import { empty, eventually } from "../http/Wire.ts"
import { ended, Recorder } from "./Recorder.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const traceparent = `00-${traceId}-${spanId}-01`

const traced = Effect.fnUntraced(function*(options: GrpcFrontend.Options = {}) {
  const recorder = new Recorder()
  const server = yield* Effect.provideService(start(options), Tracing, recorder.tracing)
  return {
    ...server,
    recorder,
    client: yield* connect(server.port),
    ended: (count: number) => ended(recorder, count)
  }
})

const moments = [
  "GRPC_WAITREAD_START true",
  "GRPC_WAITREAD_END",
  "INFER_RESPONSE_COMPLETE",
  "GRPC_SEND_START",
  "GRPC_SEND_END"
]

describe("gRPC, traced", () => {
  it.live("notes the moments of a call, and hands its trace to the server", () =>
    Effect.gen(function*() {
      const { client, ended, fake, recorder } = yield* traced()
      yield* client.unary("ModelInfer", inferBytes([1, 2]))
      yield* client.unary("ModelInfer", inferBytes(new Array(200_000).fill(1), { model_version: "1" }))
      yield* ended(2)
      assert.deepStrictEqual(fake.requests.map(({ trace }) => trace), recorder.noted)
      for (const { marks, outcomes } of recorder.noted) {
        assert.deepStrictEqual(marks, moments)
        assert.deepStrictEqual(outcomes, [{ status: 0 }])
      }
      assert.deepStrictEqual(
        recorder.noted.map(({ arrival: { context, model, protocol, version } }) => [protocol, model, version, context]),
        [["grpc", "echo", "", undefined], ["grpc", "echo", "1", undefined]]
      )
    }).pipe(Effect.scoped))

  it.live("tells of the way that a call came, by the semantic conventions", () =>
    Effect.gen(function*() {
      const { client, ended, port, recorder } = yield* traced()
      yield* client.unary("ModelInfer", inferBytes([1]))
      yield* ended(1)
      const [{ attributes, facts }] = recorder.noted as [typeof recorder.noted[0] & {}]
      assert.strictEqual(facts.name, "inference.GRPCInferenceService/ModelInfer")
      const {
        "client.address": client1,
        "client.port": clientPort,
        "network.peer.address": peer,
        "network.peer.port": peerPort,
        ...rest
      } = attributes
      assert.deepStrictEqual([client1, clientPort], [peer, peerPort])
      assert.match(String(peer), /^(::ffff:)?127\.0\.0\.1$/)
      assert.deepStrictEqual(rest, {
        "rpc.system.name": "grpc",
        "rpc.method": "inference.GRPCInferenceService/ModelInfer",
        "network.protocol.name": "http",
        "network.protocol.version": "2",
        "network.transport": "tcp",
        "server.address": "localhost",
        "server.port": port
      })
    }).pipe(Effect.scoped))

  it.live("takes the span of the client from the metadata, and ignores one that is not written as it must be", () =>
    Effect.gen(function*() {
      const { client, ended, recorder } = yield* traced()
      const given = [
        { traceparent, tracestate: "a=1" },
        { traceparent: `${traceparent}-x` },
        { traceparent: [traceparent, traceparent] },
        { "baggage": "=;,", "traceparent": "00-" },
        { tracestate: "a=1" }
      ]
      for (const metadata of given) {
        assert.strictEqual((yield* client.unary("ModelInfer", inferBytes([1]), metadata)).status, 0)
      }
      yield* ended(given.length)
      assert.deepStrictEqual(recorder.noted.map(({ arrival }) => arrival.context), [
        { traceId, spanId, sampled: true, traceState: "a=1" },
        undefined,
        undefined,
        undefined,
        undefined
      ])
    }).pipe(Effect.scoped))

  it.live("notes what is refused: unknown models, bad messages, too large, too late", () =>
    Effect.gen(function*() {
      const { client, ended, fake, recorder } = yield* traced({ maxMessageBytes: 1000 })
      yield* client.unary("ModelInfer", inferBytes([1], { model_name: "nope" }))
      yield* client.unary("ModelInfer", inferBytes([1], { model_name: "stream" }))
      yield* client.unary("ModelInfer", Uint8Array.of(0xff, 0xff))
      yield* client.unary("ModelInfer", inferBytes([1], { raw_input_contents: [] }))
      yield* client.unary("ModelInfer", new Uint8Array(2000))
      fake.work = Effect.fail(new QueueFull({ model: "echo", capacity: 1, message: "full" }))
      yield* client.unary("ModelInfer", inferBytes([1]))
      fake.work = Effect.die("a bug")
      yield* client.unary("ModelInfer", inferBytes([1]))
      fake.work = Effect.never
      yield* client.unary("ModelInfer", inferBytes([1]), { "grpc-timeout": "50m" })
      yield* ended(8)
      assert.deepStrictEqual(recorder.outcomes, [
        "nope: 5 ModelNotFound",
        "stream: 12 Unsupported",
        ": 13 MalformedRequest",
        "echo: 3 InvalidRequest",
        ": 8 ResourceExhausted",
        "echo: 14 QueueFull",
        "echo: 13 Defect",
        "echo: 4 DeadlineExceeded"
      ])
    }).pipe(Effect.scoped))

  it.live("notes what is refused before its message is read", () =>
    Effect.gen(function*() {
      const { client, ended, fake, recorder } = yield* traced({
        restrictions: [{ categories: ["inference"], header: "key", value: "secret" }]
      })
      yield* client.unary("ModelInfer", inferBytes([1]))
      fake.stopping = true
      yield* client.unary("ModelInfer", inferBytes([1]), { "triton-grpc-protocol-key": "secret" })
      yield* ended(2)
      assert.deepStrictEqual(recorder.outcomes, [": 14 UNAVAILABLE", ": 14 Stopping"])
    }).pipe(Effect.scoped))

  it.live("ends with a client that cancels: while it sends, and while it waits", () =>
    Effect.gen(function*() {
      const { client, ended, fake, held, recorder } = yield* traced()
      const sending = client.begin("ModelInfer")
      sending.stream.write(framed(inferBytes([1])).subarray(0, 8))
      // The server has the call once it answers a later one.
      yield* client.unary("ServerLive", new Uint8Array(0))
      sending.stream.destroy()
      yield* ended(1)
      const begun = yield* Deferred.make<void>()
      fake.work = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const waiting = client.begin("ModelInfer")
      waiting.stream.end(framed(inferBytes([1])))
      yield* Deferred.await(begun)
      waiting.cancel()
      yield* ended(2)
      assert.deepStrictEqual(recorder.outcomes, [": - Cancelled", "echo: - Cancelled"])
      assert.strictEqual(fake.interrupted, 1)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("notes each request of a stream by itself", () =>
    Effect.gen(function*() {
      const { client, ended, fake, recorder } = yield* traced()
      const call = client.begin("ModelStreamInfer", { traceparent })
      call.send(inferBytes([1], { id: "1" }))
      yield* call.received(1)
      call.send(inferBytes([1], { id: "2", model_name: "nope" }))
      call.send(inferBytes([1], { id: "3", raw_input_contents: [] }))
      yield* call.received(3)
      fake.work = Effect.fail(new QueueFull({ model: "echo", capacity: 1, message: "full" }))
      call.send(inferBytes([1], { id: "4" }))
      call.halfClose()
      yield* call.end
      yield* ended(4)
      assert.deepStrictEqual(recorder.outcomes, [
        "echo: 0 ok",
        "nope: 5 ModelNotFound",
        "echo: 3 InvalidRequest",
        "echo: 14 QueueFull"
      ])
      assert.deepStrictEqual(recorder.noted[0]!.marks, moments)
      for (const { arrival, facts } of recorder.noted) {
        assert.strictEqual(facts.name, "inference.GRPCInferenceService/ModelStreamInfer")
        assert.strictEqual(arrival.context?.spanId, spanId)
      }
    }).pipe(Effect.scoped))

  it.live("ends every request of a stream that is cancelled, fails, or is broken off by a bad message", () =>
    Effect.gen(function*() {
      const { client, ended, fake, held, recorder } = yield* traced()
      fake.work = Effect.suspend(() => fake.requests.at(-1)!.id === "slow" ? Effect.never : Effect.void)
      const begin = Effect.fnUntraced(function*(metadata: Record<string, string> = {}) {
        const before = fake.requests.length
        const call = client.begin("ModelStreamInfer", metadata)
        call.send(inferBytes([1], { id: "slow" }))
        // Answered, and not sent before the one in front of it.
        call.send(inferBytes([1], { id: "quick" }))
        yield* eventually(() => fake.requests.length, (seen) => seen === before + 2)
        return call
      })
      const cancelled = yield* begin()
      cancelled.cancel()
      yield* ended(2)
      const broken = yield* begin()
      broken.send(Uint8Array.of(0xff, 0xff))
      yield* broken.end
      yield* ended(5)
      const failing = yield* begin({ triton_grpc_error: "true" })
      const end = fake.work
      fake.work = Effect.die("a bug")
      failing.send(inferBytes([1], { id: "bug" }))
      yield* failing.end
      yield* ended(8)
      fake.work = end
      assert.deepStrictEqual(recorder.noted.map(({ outcome }) => outcome), [
        "- Cancelled",
        "0 Cancelled",
        "- Cancelled",
        "0 Cancelled",
        "- MalformedRequest",
        "- Cancelled",
        "0 Cancelled",
        "- Defect"
      ])
      assert.isTrue(recorder.noted.every(({ outcomes }) => outcomes.length === 1))
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("asks nobody but for inference, and notes nothing that nobody wants to know", () =>
    Effect.gen(function*() {
      const { client, fake, recorder } = yield* traced()
      yield* client.unary("ServerReady", new Uint8Array(0))
      assert.strictEqual(recorder.asked, 0)
      recorder.wanted = false
      yield* client.unary("ModelInfer", inferBytes([1]), { traceparent })
      const call = client.begin("ModelStreamInfer")
      call.send(inferBytes([1]))
      call.halfClose()
      yield* call.end
      assert.strictEqual(Messages.streamResponse(call.messages[0]!).error_message, "")
      assert.strictEqual(recorder.asked, 2)
      assert.deepStrictEqual(recorder.noted, [])
      assert.isTrue(fake.requests.every((request) => "trace" in request))
    }).pipe(Effect.scoped))
})
