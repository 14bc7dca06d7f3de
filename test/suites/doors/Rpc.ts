/** Effect RPC at the HTTP port: over POST and over WebSocket, in JSON and in binary. */
import { Context, Effect, Layer } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import type { Code, InferenceError } from "../../../src/schema/Errors.ts"
import * as ConfigJson from "../../../src/schema/proto/ConfigJson.ts"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import { type Door, type DoorKind, own, type Refusal, refusal } from "../Door.ts"

interface Leaf {
  readonly _tag: string
  readonly code: Code
  readonly message: string
}

/** A transport that fails gives no answer of the server. */
const ask = <A>(
  effect: Effect.Effect<A, InferenceError | Leaf | RpcClientError>
): Effect.Effect<A, Refusal> =>
  Effect.catch(
    effect,
    (failure) =>
      "code" in failure
        ? Effect.fail(refusal(failure))
        : failure._tag === "InferenceError"
        ? Effect.fail(refusal(failure.reason))
        : Effect.die(failure)
  )

/** The door of a client, whatever its transport. */
export const door = (client: RpcClient.FromGroup<typeof InferenceRpcs, RpcClientError>): Door => ({
  live: Effect.orDie(client.ServerLive()),
  ready: Effect.orDie(client.ServerReady()),
  serverMetadata: ask(client.ServerMetadata()),
  modelReady: (model, version) => ask(client.ModelReady({ model, version })),
  modelMetadata: (model, version) => ask(client.ModelMetadata({ model, version })),
  modelConfig: (model, version) => Effect.map(ask(client.ModelConfig({ model, version })), ConfigJson.toJson),
  statistics: (model, version) =>
    Effect.map(
      ask(client.ModelStatistics({ model, version })),
      (rows) =>
        rows.map(({ cacheHit, cacheMiss, executionCount, inferenceCount, name, success, version }) => ({
          name,
          version,
          inferenceCount,
          executionCount,
          successes: success.count,
          cache: [cacheHit.count, cacheMiss.count] as const
        }))
    ),
  index: (ready) => ask(client.RepositoryIndex({ ready })),
  load: (model, { config, files, version } = {}) =>
    ask(client.RepositoryModelLoad({
      model,
      ...(config === undefined ? {} : { config }),
      ...(files === undefined ? {} : { files: Object.fromEntries(files) }),
      ...(version === undefined ? {} : { version: String(version) })
    })),
  unload: (model, { version, ...options } = {}) =>
    ask(
      client.RepositoryModelUnload({
        model,
        ...options,
        ...(version === undefined ? {} : { version: String(version) })
      })
    ),
  infer: ({ parameters, sequence, ...request }) =>
    Effect.map(
      ask(client.ModelInfer({
        ...request,
        ...(sequence === undefined ? {} : { sequence }),
        ...(parameters === undefined ? {} : { parameters: Object.fromEntries(parameters) })
      })),
      (response) => ({ ...response, outputs: own(response.outputs) })
    )
})

const serializations = {
  JSON: RpcSerialization.layerNdjsonWith({ maxBufferSize: "unbounded" }),
  binary: RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" })
}

const transports = {
  HTTP: (port: number) =>
    RpcClient.layerProtocolHttp({ url: `http://127.0.0.1:${port}/rpc` }).pipe(Layer.provide(FetchHttpClient.layer)),
  WebSocket: (port: number) =>
    RpcClient.layerProtocolSocket().pipe(
      Layer.provide(Socket.layerWebSocket(`ws://127.0.0.1:${port}/rpc`)),
      Layer.provide(Socket.layerWebSocketConstructorGlobal)
    )
}

/** RPC as the server's own HTTP port has it. */
export const rpc = (transport: keyof typeof transports, serialization: keyof typeof serializations): DoorKind => ({
  name: `RPC over ${transport}, ${serialization}`,
  open: Effect.fnUntraced(function*(services) {
    const frontend = yield* Layer.build(
      HttpFrontend.layer({ address: "127.0.0.1", port: 0 }).pipe(Layer.provide(Layer.succeedContext(services)))
    ).pipe(Effect.orDie)
    const { port } = Context.get(frontend, HttpFrontend.HttpFrontend)
    const protocol = yield* Layer.build(transports[transport](port).pipe(Layer.provide(serializations[serialization])))
    return door(yield* Effect.provideContext(RpcClient.make(InferenceRpcs), protocol))
  })
})
