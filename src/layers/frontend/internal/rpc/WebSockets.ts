/**
 * RPC over WebSocket on the connections of the HTTP front end. Text messages carry JSON, binary ones Effect's binary frames; a
 * connection may have both.
 */
import { WebSocket, WebSocketServer } from "@effect/platform-node/NodeWS"
import { Cause, Effect } from "effect"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { single } from "../HeaderValue.ts"
import { closingBytes } from "../http/Answer.ts"
import type { Tenant } from "../http/Connection.ts"
import type { Surroundings } from "../http/Exchange.ts"
import type { Upgrades } from "../http/Listener.ts"
import { headersOf } from "./Peer.ts"
import type { SocketClient, SocketTransport } from "./SocketTransport.ts"

/** @internal */
export interface Options {
  readonly text: SocketTransport
  readonly binary: SocketTransport
  readonly isPath: (target: string) => boolean
  /** Bytes of one message. */
  readonly maxMessageBytes: number
  /** Milliseconds without a byte in either direction. */
  readonly idleTimeout: number
  /** What answers wants to see the headers of the request that was upgraded. */
  readonly sendsHeaders: boolean
  readonly stopping: () => boolean
  /** Whether pages of another origin may ask. */
  readonly allowsOrigin: (origin: string) => boolean
}

/** Bytes that wait to be sent to a client, from which on it is not read any more until it has read them. */
const highWater = 1024 * 1024

/** Bytes of a ping or a pong of a client around what it carries. */
const controlBytes = 6

/** Headers of the handshake that say nothing of the requests after it: its span ended with it. */
const ofTheHandshake: ReadonlySet<string> = new Set(["traceparent", "tracestate"])

/** @internal */
export const make = (options: Options): Upgrades => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxMessageBytes
  })
  return {
    wants: ({ headers, method, url }) =>
      method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && options.isPath(url!),
    take: (request, socket, head, surroundings) => {
      if (surroundings.closing() || options.stopping()) {
        socket.end(closingBytes(503, "Server exiting"))
        return undefined
      }
      if (isForeign(request, options.allowsOrigin)) {
        const advice = "allow it with --http-cors-allow-origin"
        socket.end(closingBytes(403, `A page of another origin may not open connections to this server; ${advice}.`))
        return undefined
      }
      let connection: WebSocketConnection | undefined = undefined
      server.handleUpgrade(request, socket, head, (webSocket) => {
        connection = new WebSocketConnection(webSocket, socket, request, surroundings, options)
      })
      // A handshake that is wrong was answered with what is wrong with it.
      return connection
    }
  }
}

/** Browsers let every page open WebSockets to any server, and tell which page it is. Other programs say nothing of it. */
const isForeign = ({ headers }: IncomingMessage, allows: Options["allowsOrigin"]): boolean => {
  const { host, origin } = headers
  if (origin === undefined || allows(origin)) return false
  return !URL.canParse(origin) || new URL(origin).host !== host
}

class WebSocketConnection implements Tenant {
  private readonly webSocket: WebSocket
  private readonly socket: Socket
  private readonly server: Surroundings
  private readonly options: Options
  private readonly headers: ReadonlyArray<readonly [string, string]>
  private readonly said: ReadonlyArray<[string, string]>
  private readonly clients: { text: SocketClient | undefined; binary: SocketClient | undefined }
  /** Requests that were not answered yet. */
  private requests = 0
  /** Messages that wait for the client to read. */
  private blocked = 0
  /** Bytes of the message that is being received. */
  private received = 0
  private retiring = false

  constructor(
    webSocket: WebSocket,
    socket: Socket,
    request: IncomingMessage,
    server: Surroundings,
    options: Options
  ) {
    this.webSocket = webSocket
    this.socket = socket
    this.server = server
    this.options = options
    this.clients = { text: undefined, binary: undefined }
    this.headers = options.sendsHeaders
      ? Object.entries(request.headers).flatMap(([name, value]) =>
        typeof value === "string" && !ofTheHandshake.has(name) ? [[name, value]] : []
      )
      : []
    const forwardedFor = request.headers["x-forwarded-for"]
    this.said = options.sendsHeaders
      ? headersOf(socket.remoteAddress, single(forwardedFor))
      : []
    socket.setTimeout(options.idleTimeout, () => this.stalled())
    // Before the WebSocket itself, which may find the end of the message in these bytes.
    socket.prependListener("data", (chunk: Buffer) => this.grow(chunk.byteLength))
    webSocket.on("ping", (data: Buffer) => this.shrink(controlBytes + data.byteLength))
    webSocket.on("pong", (data: Buffer) => this.shrink(controlBytes + data.byteLength))
    webSocket.on("message", (data: Buffer, isBinary: boolean) => this.receive(data, isBinary))
    webSocket.on("close", () => this.closed())
    // The connection closes after an error; what was wrong stands in the close frame.
    webSocket.on("error", () => {})
  }

  readonly busy = (): boolean => this.requests > 0 || this.blocked > 0

  readonly retire = (): void => {
    this.retiring = true
    if (!this.busy()) this.webSocket.close(1001, "Server exiting")
  }

  /** No byte came or went for a while. */
  private stalled(): void {
    if (this.blocked > 0 || this.received > 0 || this.awaitsClient) this.webSocket.terminate()
    else if (this.requests === 0) this.webSocket.close(1000, "idle")
  }

  private get awaitsClient(): boolean {
    return this.clients.text?.awaitsClient === true || this.clients.binary?.awaitsClient === true
  }

  private grow(bytes: number): void {
    const refusal = this.server.inFlight.grow(bytes)
    if (refusal === undefined) this.received += bytes
    else {
      this.webSocket.close(1013, "Too many bytes in flight")
      this.webSocket.terminate()
    }
  }

  /** So many bytes, or what is left of them, are no longer part of a message that is being received. */
  private shrink(bytes: number): void {
    const gone = Math.min(bytes, this.received)
    this.server.inFlight.shrink(gone)
    this.received -= gone
  }

  private receive(data: Buffer, isBinary: boolean): void {
    // What comes after the close frame would not be answered.
    if (this.webSocket.readyState !== WebSocket.OPEN) return
    const client = this.clientOf(isBinary ? "binary" : "text")
    try {
      // What a request keeps of its message counts with its tensors from here on.
      this.server.fork(client.receive(isBinary ? data : data.toString()))
    } catch (thrown) {
      // A bug ends this connection and nothing else.
      this.server.report(Cause.die(thrown))
      this.webSocket.close(1011, "The server failed on a message because of a bug in it")
    }
    this.shrink(this.received)
  }

  private clientOf(kind: "text" | "binary"): SocketClient {
    return this.clients[kind] ??= this.options[kind].connect({
      headers: this.headers,
      said: this.said,
      send: (encoded) => this.send(encoded),
      entered: () => {
        this.requests++
        this.server.entered()
      },
      left: () => {
        this.requests--
        this.server.left()
        if (this.retiring) this.retire()
      }
    })
  }

  private send(encoded: Uint8Array | string): Effect.Effect<void> {
    const { webSocket } = this
    if (webSocket.readyState !== WebSocket.OPEN) return Effect.void
    if (webSocket.bufferedAmount <= highWater) {
      webSocket.send(encoded)
      return Effect.void
    }
    return Effect.callback((resume) => {
      this.blocked++
      webSocket.pause()
      // Called with an error as well, when the connection closes.
      webSocket.send(encoded, () => {
        this.blocked--
        if (this.blocked === 0) {
          webSocket.resume()
          if (this.retiring) this.retire()
        }
        resume(Effect.void)
      })
    })
  }

  private closed(): void {
    this.shrink(this.received)
    this.clients.text?.closed()
    this.clients.binary?.closed()
  }
}
