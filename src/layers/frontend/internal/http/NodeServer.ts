/** The server of node:http, over TLS or in the clear, which takes those connections only that it is given. */
import { createServer, IncomingMessage, type Server, type ServerOptions } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { Handshakes } from "../tls/Handshakes.ts"
import { secureOptions, type TlsMaterial } from "../tls/TlsMaterial.ts"
import { CallResponse } from "./CallResponse.ts"

/** Milliseconds. @internal */
export interface Options {
  readonly tls: TlsMaterial | undefined
  readonly maxConnections: number
  readonly maxHeaderSize: number
  readonly headerTimeout: number
  readonly bodyTimeout: number
  readonly requestTimeout: number
  readonly idleTimeout: number
  /** Whether a request with the header `Upgrade` may leave HTTP. */
  readonly mayUpgrade: ((request: IncomingMessage) => boolean) | undefined
}

/** Who takes a new connection. @internal */
export interface Takers {
  /** Of one that speaks HTTP/1.1, or that did not say what it speaks. */
  readonly http1: (socket: Socket) => void
  readonly http2: (socket: Socket) => void
}

/** @internal */
export interface NodeServer {
  readonly server: Server<typeof IncomingMessage, typeof CallResponse>
  /** Connections from now on see this certificate. Throws where it cannot be used. */
  readonly renew: (tls: TlsMaterial) => void
  /** Makes node:http read a connection, from the boundary of a request on. */
  readonly serve: (socket: Socket) => void
  /** Closes the connections that are not through their handshake. */
  readonly destroy: () => void
}

/** Throws where the certificate cannot be used. @internal */
export const make = (options: Options, takers: Takers): NodeServer => {
  const settings: ServerOptions<typeof IncomingMessage, typeof CallResponse> = {
    IncomingMessage,
    ServerResponse: CallResponse,
    ...(options.mayUpgrade === undefined ? {} : { shouldUpgradeCallback: options.mayUpgrade }),
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
    requireHostHeader: false,
    maxHeaderSize: options.maxHeaderSize,
    headersTimeout: options.headerTimeout,
    requestTimeout: Math.max(options.requestTimeout, options.headerTimeout),
    keepAliveTimeout: options.idleTimeout,
    keepAliveTimeoutBuffer: 0,
    connectionsCheckingInterval: Math.min(5000, Math.max(50, Math.ceil(options.headerTimeout / 4)))
  }
  const made = options.tls === undefined
    ? inTheClear(settings, takers)
    : overTls(settings, options, options.tls, takers)
  made.server.timeout = options.bodyTimeout
  made.server.maxConnections = options.maxConnections
  return made
}

type Settings = ServerOptions<typeof IncomingMessage, typeof CallResponse>

const inTheClear = (settings: Settings, takers: Takers): NodeServer => {
  const server = createServer(settings)
  const serve = takeOver(server, "connection")
  server.on("connection", (socket: Socket) => takers.http1(socket))
  return { server, serve, renew: () => {}, destroy: () => {} }
}

const overTls = (settings: Settings, options: Options, tls: TlsMaterial, takers: Takers): NodeServer => {
  const server = createSecureServer({
    ...settings,
    ...secureOptions(tls),
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: Math.min(options.headerTimeout, 2147483647)
  })
  const serve = takeOver(server, "secureConnection")
  const handshakes = new Handshakes(server)
  server.on("secureConnection", (socket: TLSSocket) => {
    if (socket.alpnProtocol === "h2") takers.http2(socket)
    else takers.http1(socket)
  })
  return {
    server,
    serve,
    renew: (renewed) => server.setSecureContext(secureOptions(renewed)),
    destroy: () => handshakes.destroy()
  }
}

/** What node:http does with a new connection, alone on this event; from now on it does so only when it is told. */
const takeOver = (
  server: Server<typeof IncomingMessage, typeof CallResponse>,
  event: string
): (socket: Socket) => void => {
  const listeners = server.rawListeners(event)
  server.removeAllListeners(event)
  const serve = listeners.at(-1)!
  return (socket) => {
    serve.call(server, socket)
  }
}
