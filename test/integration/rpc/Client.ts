/** RPC clients, and raw messages, for tests of what the server's `/rpc` does beyond answering. */
import { Effect, Layer, type Scope } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"

export const jsonType = "application/x-ndjson"
export const binaryType = "application/vnd.effect.rpc+schema-binary"

/** A request of the fake model `echo`. */
export const echo = (values: ReadonlyArray<number> = [1, 2, 3]) => ({
  model: "echo",
  inputs: [Tensors.from("X", [values.length], Float32Array.from(values))]
})

/** A client over one WebSocket, in binary. */
export const socketClient = (port: number) =>
  Layer.build(
    RpcClient.layerProtocolSocket().pipe(
      Layer.provide(Socket.layerWebSocket(`ws://127.0.0.1:${port}/rpc`)),
      Layer.provide(Socket.layerWebSocketConstructorGlobal),
      Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
    )
  ).pipe(Effect.flatMap((protocol) => Effect.provideContext(RpcClient.make(InferenceRpcs), protocol)))

/** A client that posts JSON. */
export const httpClient = (port: number, headers: Readonly<Record<string, string>> = {}) =>
  Layer.build(
    RpcClient.layerProtocolHttp({ url: `http://127.0.0.1:${port}/rpc` }).pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { headers })),
      Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: "unbounded" }))
    )
  ).pipe(Effect.flatMap((protocol) => Effect.provideContext(RpcClient.make(InferenceRpcs), protocol)))

/** A request as it stands on the wire. */
export const message = (id: string | number, tag: string, payload: unknown = null): string =>
  `${JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })}\n`

/** Posts bytes; the status and the messages of the answer. */
export const post = (port: number, body: string | Uint8Array<ArrayBuffer>, type: string = jsonType, headers = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/rpc`, {
      method: "POST",
      headers: { "Content-Type": type, ...headers },
      body
    })
    return { status: response.status, text: await response.text() }
  })

/** A WebSocket of which a test sees every message. */
export class RawSocket {
  readonly socket: WebSocket
  readonly received: Array<string> = []
  closed: { readonly code: number; readonly reason: string } | undefined = undefined

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`)
    this.socket.addEventListener("message", ({ data }) => this.received.push(String(data)))
    this.socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason }
    })
  }
}

export const rawSocket = (port: number): Effect.Effect<RawSocket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<RawSocket>((resume) => {
      const raw = new RawSocket(port)
      raw.socket.addEventListener("open", () => resume(Effect.succeed(raw)))
    }),
    (raw) => Effect.sync(() => raw.socket.close())
  )
