/** A small collector: takes OTLP over HTTP and gRPC, remembers what came, and answers as it is told. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2"
import type { AddressInfo, Socket } from "node:net"
import { gunzipSync } from "node:zlib"
import * as Decoding from "./Decoding.ts"

export interface Received {
  readonly signal: Decoding.Signal
  readonly by: "protobuf" | "json" | "grpc"
  readonly headers: IncomingHttpHeaders
  readonly request: ReturnType<typeof Decoding.decode>
}

/** `"never"`: no answer at all. Else a status of HTTP, or of gRPC where it came by that. */
export interface Reply {
  readonly status: number | "never"
  readonly message?: string
  readonly headers?: Readonly<Record<string, string>>
  /** So many items are not taken, with the message as the reason. */
  readonly rejected?: number
}

export interface Receiver {
  /** Of HTTP, without a path. */
  readonly http: string
  readonly grpc: string
  readonly received: ReadonlyArray<Received>
  readonly spans: () => ReadonlyArray<Decoding.Span>
  readonly logRecords: () => ReadonlyArray<Decoding.LogRecord>
  /** Connections that are open. */
  readonly connections: () => number
  /** What the next requests are answered with. The first is given for `tries` that are 0, and so on. */
  reply: (tries: number) => Reply
  /** Waits until this is true, which is looked at after each request. */
  readonly until: (isTrue: () => boolean) => Effect.Effect<void>
}

const fine: Reply = { status: 200 }

const rejectedName = { traces: "rejectedSpans", metrics: "rejectedDataPoints", logs: "rejectedLogRecords" } as const

const partial = (signal: Decoding.Signal, { message, rejected }: Reply) =>
  rejected === undefined && message === undefined
    ? {}
    : { partialSuccess: { [rejectedName[signal]]: rejected ?? 0, errorMessage: message ?? "" } }

const protobufAnswer = (signal: Decoding.Signal, reply: Reply): Buffer => {
  const type = Decoding.responseType(signal)
  return Buffer.from(type.encode(type.fromObject(partial(signal, reply))).finish())
}

const listening = (server: Server | Http2Server): Effect.Effect<number> =>
  Effect.callback((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
  })

/** Listens until the scope closes. */
export const make: Effect.Effect<Receiver, never, Scope.Scope> = Effect.gen(function*() {
  const received: Array<Received> = []
  const watchers = new Set<() => void>()
  const sockets = new Set<Socket>()
  const sessions = new Set<ServerHttp2Session>()
  let tries = 0
  const take = (one: Received): void => {
    received.push(one)
    for (const watcher of watchers) watcher()
  }

  const http = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const signal = /\/v1\/(traces|metrics|logs)$/.exec(request.url ?? "")?.[1] as Decoding.Signal
      const json = request.headers["content-type"] === "application/json"
      const raw = Buffer.concat(chunks)
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw
      const reply = receiver.reply(tries++)
      if (reply.status === 200) {
        take({
          signal,
          by: json ? "json" : "protobuf",
          headers: request.headers,
          request: Decoding.decode(signal, body, json)
        })
      }
      if (reply.status === "never") return
      response.writeHead(reply.status, {
        "content-type": json ? "application/json" : "application/x-protobuf",
        ...reply.headers
      })
      response.end(
        reply.status !== 200
          ? json ? JSON.stringify({ code: 3, message: reply.message }) : errorStatus(reply.message ?? "")
          : json
          ? JSON.stringify(partial(signal, reply))
          : protobufAnswer(signal, reply)
      )
    })
  })
  http.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })

  const grpc = createHttp2Server()
  grpc.on("session", (session) => {
    sessions.add(session)
    session.on("close", () => sessions.delete(session))
  })
  grpc.on("stream", (stream, headers) => {
    const chunks: Array<Buffer> = []
    stream.on("error", () => {})
    stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    stream.on("end", () => {
      const signal = /collector\.(trace|metrics|logs)\./.exec(String(headers[":path"]))?.[1]?.replace(
        "trace",
        "traces"
      ) as Decoding.Signal
      const framed = Buffer.concat(chunks)
      const message = framed.subarray(5, 5 + framed.readUInt32BE(1))
      const reply = receiver.reply(tries++)
      const isFine = reply.status === 200
      if (isFine) {
        take({
          signal,
          by: "grpc",
          headers,
          request: Decoding.decode(signal, framed[0] === 1 ? gunzipSync(message) : message, false)
        })
      }
      if (reply.status === "never") return
      const trailers = {
        "grpc-status": String(isFine ? 0 : reply.status),
        ...(reply.message === undefined || isFine ? {} : { "grpc-message": encodeURIComponent(reply.message) }),
        ...reply.headers
      }
      if (!isFine) {
        stream.respond({ ":status": 200, "content-type": "application/grpc", ...trailers }, { endStream: true })
        return
      }
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
      stream.on("wantTrailers", () => stream.sendTrailers(trailers))
      const answer = protobufAnswer(signal, reply)
      const head = Buffer.alloc(5)
      head.writeUInt32BE(answer.length, 1)
      stream.end(Buffer.concat([head, answer]))
    })
  })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
      for (const session of sessions) session.destroy()
      http.close()
      grpc.close()
    })
  )
  const receiver: Receiver = {
    http: `http://127.0.0.1:${yield* listening(http)}`,
    grpc: `http://127.0.0.1:${yield* listening(grpc)}`,
    received,
    spans: () => received.flatMap(({ request, signal }) => signal === "traces" ? Decoding.spans(request) : []),
    logRecords: () => received.flatMap(({ request, signal }) => signal === "logs" ? Decoding.logRecords(request) : []),
    connections: () => sockets.size + sessions.size,
    reply: () => fine,
    until: (isTrue) =>
      Effect.callback((resume) => {
        const look = (): void => {
          if (!isTrue()) return
          watchers.delete(look)
          resume(Effect.void)
        }
        watchers.add(look)
        look()
        return Effect.sync(() => watchers.delete(look))
      })
  }
  return receiver
})

/** `google.rpc.Status` with a message. */
const errorStatus = (message: string): Buffer => {
  const text = Buffer.from(message)
  return Buffer.concat([Buffer.from([8, 3, 18, text.length]), text])
}
