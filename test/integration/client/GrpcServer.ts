/** A gRPC server on node:http2, as bare as tests of the client need it: each test says what a call is answered. */
import { Effect, type Scope } from "effect"
import * as Http2 from "node:http2"
import type { AddressInfo, Socket } from "node:net"
import { connect as connectSocket, createServer } from "node:net"
import { framed } from "../grpc/Client.ts"

/** A call as the server sees it. */
export interface ServedCall {
  readonly stream: Http2.ServerHttp2Stream
  readonly headers: Http2.IncomingHttpHeaders
  /** Reads the request and resolves with its messages, when it has ended. */
  readonly messages: () => Promise<ReadonlyArray<{ readonly bytes: Buffer; readonly compressed: boolean }>>
  /** Sends headers, messages and status. */
  readonly answer: (
    messages: ReadonlyArray<Uint8Array>,
    options?: {
      readonly status?: number
      readonly headers?: Http2.OutgoingHttpHeaders
      readonly trailers?: Http2.OutgoingHttpHeaders
      readonly compressed?: number
    }
  ) => void
}

const served = (stream: Http2.ServerHttp2Stream, headers: Http2.IncomingHttpHeaders): ServedCall => ({
  stream,
  headers,
  messages: async () => {
    const chunks: Array<Buffer> = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const whole = Buffer.concat(chunks)
    const messages = []
    for (let at = 0; at < whole.length;) {
      const end = at + 5 + whole.readUInt32BE(at + 1)
      messages.push({ bytes: whole.subarray(at + 5, end), compressed: whole[at] === 1 })
      at = end
    }
    return messages
  },
  answer: (messages, { compressed = 0, headers: more = {}, status = 0, trailers = {} } = {}) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc", ...more }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status, ...trailers }))
    for (const message of messages) stream.write(framed(message, compressed))
    stream.end()
    stream.resume()
  }
})

export interface Running {
  readonly port: number
  readonly sessions: Set<Http2.ServerHttp2Session>
}

/** Serves until the scope closes. */
export const serve = (
  handle: (call: ServedCall) => void,
  options: { readonly secure?: Http2.SecureServerOptions } & Http2.ServerOptions = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { secure, ...rest } = options
      const server = secure === undefined
        ? Http2.createServer(rest)
        : Http2.createSecureServer({ ...rest, ...secure })
      const sessions = new Set<Http2.ServerHttp2Session>()
      server.on("session", (session) => {
        sessions.add(session)
        session.on("close", () => sessions.delete(session))
        session.on("error", () => {})
      })
      server.on("stream", (stream: Http2.ServerHttp2Stream, headers: Http2.IncomingHttpHeaders) => {
        stream.on("error", () => {})
        handle(served(stream, headers))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { server, sessions, port: (server.address() as AddressInfo).port }
    }),
    ({ server, sessions }) =>
      Effect.promise(async () => {
        for (const session of sessions) session.destroy()
        await new Promise((resolve) => server.close(resolve))
      })
  )

/** A relay to a port that can be told to pass nothing on, as a network does that has lost a machine. */
export const relay = (
  to: number
): Effect.Effect<{ readonly port: number; readonly freeze: () => void }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      let frozen = false
      const sockets = new Set<Socket>()
      const server = createServer((client) => {
        const upstream = connectSocket(to, "127.0.0.1")
        for (const [from, into] of [[client, upstream], [upstream, client]] as const) {
          sockets.add(from)
          from.on("error", () => {})
          from.on("data", (chunk) => {
            if (!frozen) into.write(chunk)
          })
          from.on("close", () => into.destroy())
        }
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return {
        server,
        sockets,
        port: (server.address() as AddressInfo).port,
        freeze: () => {
          frozen = true
        }
      }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      })
  )
