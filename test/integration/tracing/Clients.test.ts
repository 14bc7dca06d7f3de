/** How the spans of a program come to the server with the calls of each client. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { NodeSocket, NodeSocketServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { RpcClient, RpcSerialization, RpcServer } from "effect/rpc"
import { SocketServer } from "effect/socket"
import { connect } from "../../../src/client/Client.ts"
import * as EffectClient from "../../../src/client/EffectClient.ts"
import { connectGrpc } from "../../../src/client/GrpcClient.ts"
import * as RpcInferenceClient from "../../../src/client/RpcClient.ts"
import { connectRpc } from "../../../src/client/RpcPromiseClient.ts"
import * as RpcFrontend from "../../../src/layers/frontend/RpcFrontend.ts"
import { Tracing } from "../../../src/services/Tracing.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import * as Grpc from "../grpc/Frontend.ts"
import { start } from "../http/Wire.ts"
import { ended, Recorder } from "./Recorder.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: "a=1" }
const inputs = { X: { datatype: "FP32", shape: [2], data: Float32Array.of(1, 2) } } as const

/** A span from elsewhere, and the span of the program below it. */
const within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.withSpan("program"),
    Effect.withParentSpan(OtelTracer.makeExternalSpan({ traceId, spanId, traceFlags: 1, traceState: "a=1,b=2" }))
  )

const traced = Effect.gen(function*() {
  const recorder = new Recorder()
  const { fake, port } = yield* Effect.provideService(start(), Tracing, recorder.tracing)
  return { fake, port, url: `http://127.0.0.1:${port}`, recorder }
})

/** The trace that each request was part of, and what came with it. */
const traces = (recorder: Recorder) =>
  recorder.noted.map(({ arrival: { context } }) =>
    context?.spanId === spanId ? "that span itself" : `${context?.traceId} ${context?.traceState}`
  )

describe("Clients", () => {
  it.live("over HTTP, as effects, send the span of their call and the state of its trace", () =>
    Effect.gen(function*() {
      const { recorder, url } = yield* traced
      const client = yield* EffectClient.make(url).pipe(Effect.provide(FetchHttpClient.layer))
      yield* within(client.infer("echo", inputs))
      yield* client.infer("echo", inputs).pipe(
        Effect.provideService(HttpClient.TracerPropagationEnabled, false),
        within
      )
      yield* client.infer("echo", inputs).pipe(Effect.withTracerEnabled(false), within)
      yield* ended(recorder, 3)
      assert.deepStrictEqual(traces(recorder).slice(0, 2), [`${traceId} a=1,b=2`, "undefined undefined"])
      assert.isUndefined(recorder.noted[2]!.arrival.context?.traceState)
    }).pipe(Effect.scoped))

  it.live("over RPC send the span of their call and the state of its trace, for one answer and for a stream", () =>
    Effect.gen(function*() {
      const { recorder, url } = yield* traced
      const post = yield* Effect.provide(
        RpcInferenceClient.make(),
        yield* Layer.build(Layer.provide(RpcInferenceClient.layerProtocolHttp(url), FetchHttpClient.layer))
      )
      yield* within(post.infer("echo", inputs))
      yield* within(Stream.runDrain(post.stream("echo", inputs)))
      yield* ended(recorder, 2)
      assert.deepStrictEqual(traces(recorder), [`${traceId} a=1,b=2`, `${traceId} a=1,b=2`])
    }).pipe(Effect.scoped))

  it.live("of a program's own transport are followed as well", () =>
    Effect.gen(function*() {
      const recorder = new Recorder()
      const server = yield* Layer.build(
        RpcFrontend.layer().pipe(
          Layer.provide(RpcServer.layerProtocolSocketServer),
          Layer.provide(RpcSerialization.layerSchemaBinary()),
          Layer.provideMerge(NodeSocketServer.layer({ host: "127.0.0.1", port: 0 })),
          Layer.provide(new Fake().layer),
          Layer.provide(Layer.succeed(Tracing, recorder.tracing))
        )
      )
      const { address } = Context.get(server, SocketServer.SocketServer)
      const port = address._tag === "UnixPathAddress" ? 0 : address.port
      const protocol = yield* Layer.build(
        RpcClient.layerProtocolSocket().pipe(
          Layer.provide(NodeSocket.layerNet({ host: "127.0.0.1", port })),
          Layer.provide(RpcSerialization.layerSchemaBinary())
        )
      )
      const client = yield* Effect.provide(RpcInferenceClient.make(), protocol)
      yield* within(client.infer("echo", inputs))
      yield* ended(recorder, 1)
      assert.deepStrictEqual(traces(recorder), [`${traceId} a=1,b=2`])
      assert.isUndefined(recorder.noted[0]!.arrival.parent)
    }).pipe(Effect.scoped))

  it.live("of promises send the headers that they are given", () =>
    Effect.gen(function*() {
      const { recorder, url } = yield* traced
      const grpc = yield* Effect.provideService(Grpc.start(), Tracing, recorder.tracing)
      const http = connect(url)
      const rpc = connectRpc(url)
      const overGrpc = connectGrpc(`127.0.0.1:${grpc.port}`)
      yield* Effect.promise(async () => {
        await http.infer("echo", inputs, { headers })
        await rpc.infer("echo", inputs, { headers })
        await overGrpc.infer("echo", inputs, { headers })
        for await (const _ of overGrpc.stream("echo", [{ inputs }], { headers })) continue
        await Promise.all([http.close(), rpc.close(), overGrpc.close()])
      })
      yield* ended(recorder, 4)
      assert.deepStrictEqual(traces(recorder), new Array(4).fill("that span itself"))
      assert.isTrue(recorder.noted.every(({ arrival }) => arrival.context?.traceState === "a=1"))
    }).pipe(Effect.scoped))

  it.live("of promises are no part of a trace where nothing was given", () =>
    Effect.gen(function*() {
      const { recorder, url } = yield* traced
      const rpc = connectRpc(url)
      const http = connect(url)
      yield* Effect.promise(async () => {
        await rpc.infer("echo", inputs)
        await http.infer("echo", inputs)
        await Promise.all([rpc.close(), http.close()])
      })
      yield* ended(recorder, 2)
      assert.deepStrictEqual(recorder.noted.map(({ arrival: { context, parent } }) => [context, parent]), [
        [undefined, undefined],
        [undefined, undefined]
      ])
    }).pipe(Effect.scoped))
})
