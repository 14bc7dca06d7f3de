/** What is noted of requests over Effect RPC, and how the spans of callers come to it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Tracer } from "effect"
import * as RpcTest from "effect/rpc/RpcTest"
import type * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import * as RpcFrontend from "../../../src/layers/frontend/RpcFrontend.ts"
import { QueueFull } from "../../../src/schema/Errors.ts"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import { Tracing } from "../../../src/services/Tracing.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import { empty, start } from "../http/Wire.ts"
import { echo, httpClient, message, post, rawSocket, socketClient } from "../rpc/Client.ts"
import { ended, Recorder } from "./Recorder.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const traceparent = `00-${traceId}-${spanId}-01`

const traced = Effect.fnUntraced(function*(options: HttpFrontend.Options = {}) {
  const recorder = new Recorder()
  const server = yield* Effect.provideService(start(options), Tracing, recorder.tracing)
  return { ...server, recorder, ended: (count: number) => ended(recorder, count) }
})

/** A request of the model `echo` as JSON, with further fields of its envelope. */
const wire = (id: number, more: object = {}, headers: ReadonlyArray<readonly [string, string]> = []): string => {
  const payload = { model: "echo", inputs: [{ name: "X", datatype: "FP32", shape: [1], data: "AACAPw==" }] }
  return `${JSON.stringify({ ...JSON.parse(message(id, "ModelInfer", payload)), ...more, headers })}\n`
}

describe("RPC, traced", () => {
  it.live("notes a request of each transport, and hands its trace to the server", () =>
    Effect.gen(function*() {
      const { ended, fake, held, port, recorder } = yield* traced()
      const http = yield* httpClient(port)
      const socket = yield* socketClient(port)
      yield* http.ModelInfer(echo())
      yield* socket.ModelInfer({ ...echo(), version: "1" })
      yield* ended(2)
      assert.deepStrictEqual(fake.requests.map(({ trace }) => trace), recorder.noted)
      for (const { arrival, facts, marks, outcomes } of recorder.noted) {
        assert.strictEqual(arrival.protocol, "rpc")
        assert.strictEqual(facts.name, "ModelInfer")
        assert.deepStrictEqual(facts.attributes.slice(0, 2), [
          ["rpc.system.name", "effect_rpc"],
          ["rpc.method", "ModelInfer"]
        ])
        assert.deepStrictEqual(marks, ["INFER_RESPONSE_COMPLETE"])
        assert.deepStrictEqual(outcomes, [{}])
      }
      assert.strictEqual(recorder.noted[0]!.attributes["server.port"], port)
      assert.strictEqual(recorder.noted[0]!.attributes["client.address"], "127.0.0.1")
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("takes the span of an Effect client, over POST and over WebSocket, with and without headers in use", () =>
    Effect.gen(function*() {
      for (const options of [{}, { headerForwardPattern: "^x-" }]) {
        const { ended, port, recorder } = yield* traced(options)
        const call = Effect.gen(function*() {
          yield* (yield* httpClient(port)).ModelInfer(echo())
          yield* (yield* socketClient(port)).ModelInfer(echo())
          return yield* Effect.currentSpan
        })
        const span = yield* Effect.withSpan(call, "caller")
        yield* ended(2)
        for (const { arrival: { context } } of recorder.noted) {
          assert.deepStrictEqual([context?.traceId, context?.sampled], [span.traceId, true])
          // That of the client's own call, which is a child of this one.
          assert.notStrictEqual(context?.spanId, span.spanId)
        }
      }
    }).pipe(Effect.scoped))

  it.live("prefers the headers of a message, then those of its POST, then what stands beside the request", () =>
    Effect.gen(function*() {
      const { ended, port, recorder } = yield* traced()
      const beside = { traceId, spanId: "1".repeat(16), sampled: false }
      const ofPost = { traceparent: `00-${traceId}-${"2".repeat(16)}-01`, tracestate: "p=2" }
      const own = [["traceparent", `00-${traceId}-${"3".repeat(16)}-01`], ["tracestate", "m=3"]] as const
      const bodies = [wire(1, beside), wire(1), wire(1, beside, own)]
      yield* post(port, bodies[0]!)
      yield* post(port, bodies[1]!, undefined, ofPost)
      yield* post(port, bodies[0]!, undefined, ofPost)
      yield* post(port, bodies[2]!, undefined, ofPost)
      // Several in one body take the long way.
      yield* post(port, `${wire(1, beside)}${wire(2, beside, own)}`)
      yield* ended(6)
      const seen = recorder.noted.map(({ arrival: { context } }) =>
        `${context?.spanId[0]} ${context?.sampled} ${context?.traceState}`
      )
      assert.deepStrictEqual(seen, [
        "1 false undefined",
        "2 true p=2",
        "2 true p=2",
        "3 true m=3",
        "1 false undefined",
        "3 true m=3"
      ])
    }).pipe(Effect.scoped))

  it.live("ignores spans that are none", () =>
    Effect.gen(function*() {
      const { ended, port, recorder } = yield* traced()
      const malformed = [
        { traceId: 5, spanId, sampled: true },
        { traceId, spanId: "noop", sampled: true },
        { traceId: "0".repeat(32), spanId, sampled: true },
        { traceId, spanId, sampled: "yes" },
        { traceId, spanId: { toString: 1 }, sampled: true },
        { traceId: "x".repeat(10_000), spanId, sampled: true }
      ]
      for (const more of malformed) assert.include((yield* post(port, wire(1, more))).text, "\"Success\"")
      assert.include((yield* post(port, wire(1, {}, [["traceparent", "00"]]))).text, "\"Success\"")
      yield* ended(malformed.length + 1)
      assert.isTrue(recorder.noted.every(({ arrival }) => arrival.context === undefined))
    }).pipe(Effect.scoped))

  it.live("takes the span of each request over WebSocket, and none from the handshake", () =>
    Effect.gen(function*() {
      const { ended, port, recorder } = yield* traced({ headerForwardPattern: "^x-" })
      const raw = yield* rawSocket(port)
      raw.socket.send(wire(1, { traceId, spanId, sampled: true }))
      raw.socket.send(wire(2))
      yield* ended(2)
      assert.deepStrictEqual(recorder.noted.map(({ arrival }) => arrival.context?.spanId), [spanId, undefined])
    }).pipe(Effect.scoped))

  it.live("notes what is refused, what fails, and what is given up", () =>
    Effect.gen(function*() {
      const { ended, fake, held, port, recorder } = yield* traced()
      const client = yield* httpClient(port)
      const socket = yield* socketClient(port)
      yield* Effect.flip(client.ModelInfer({ ...echo(), model: "nope" }))
      yield* Effect.flip(client.ModelInfer({ ...echo(), model: "stream" }))
      yield* Effect.flip(socket.ModelInfer({ ...echo(), priority: -1 }))
      fake.work = Effect.fail(new QueueFull({ model: "echo", capacity: 1, message: "full" }))
      yield* Effect.flip(client.ModelInfer(echo()))
      fake.work = Effect.die("a bug")
      yield* Effect.exit(socket.ModelInfer(echo()))
      for (const one of [client, socket]) {
        const begun = yield* Deferred.make<void>()
        fake.work = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
        const fiber = yield* Effect.forkChild(one.ModelInfer(echo()))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
      }
      yield* ended(7)
      assert.deepStrictEqual(recorder.outcomes, [
        "nope: - ModelNotFound",
        "stream: - Unsupported",
        "echo: - InvalidRequest",
        "echo: - QueueFull",
        "echo: - Defect",
        "echo: - Cancelled",
        "echo: - Cancelled"
      ])
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("makes what is noted a part of the span in which the procedures of a program's own group are answered", () =>
    Effect.gen(function*() {
      const recorder = new Recorder()
      const fake = new Fake()
      const handlers = yield* Layer.build(
        RpcFrontend.layerHandlers().pipe(
          Layer.provide(fake.layer),
          Layer.provide(Layer.succeed(Tracing, recorder.tracing))
        )
      )
      const client = yield* Effect.provideContext(RpcTest.makeClient(InferenceRpcs), handlers)
      yield* Effect.withSpan(client.ModelInfer(echo()), "caller")
      yield* ended(recorder, 1)
      const { parent } = recorder.noted[0]!.arrival
      assert.strictEqual(parent?._tag === "Span" ? `${parent.name} ${parent.kind}` : undefined, "ModelInfer server")
    }).pipe(Effect.scoped))

  it.live("asks nobody but for inference, and notes nothing that nobody wants to know", () =>
    Effect.gen(function*() {
      const { fake, port, recorder } = yield* traced()
      recorder.wanted = false
      yield* (yield* httpClient(port, { traceparent })).ModelInfer(echo())
      yield* (yield* socketClient(port)).ModelInfer(echo())
      assert.deepStrictEqual(recorder.noted, [])
      assert.isTrue(fake.requests.every((request) => "trace" in request))
    }).pipe(Effect.scoped))

  it.live("answers in no span of the program that has started the server", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* Effect.withSpan(start(), "host")
      const parents: Array<string | undefined> = []
      fake.work = Effect.withFiber((fiber) =>
        Effect.sync(() => {
          const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
          parents.push(span?._tag === "Span" ? span.name : undefined)
        })
      )
      yield* (yield* httpClient(port)).ModelInfer(echo())
      yield* (yield* socketClient(port)).ModelInfer(echo())
      yield* post(port, wire(1) + wire(2))
      assert.deepStrictEqual(parents, [undefined, undefined, undefined, undefined])
    }).pipe(Effect.scoped))
})
