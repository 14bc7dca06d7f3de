/** Accepts HTTP/2 connections, over TLS with ALPN or in the clear with prior knowledge. Source: RFC 9113 §3.2, §3.3. */
import * as Net from "node:net"
import * as Tls from "node:tls"
import { Connection } from "./Connection.ts"
import type { ConnectionOptions } from "./ConnectionOptions.ts"
import { Upkeep, type UpkeepOptions } from "./Upkeep.ts"

/** Certificates and keys as PEM texts. @internal */
export interface TlsOptions {
  readonly cert: string
  readonly key: string
  /** Authorities whose client certificates are believed. */
  readonly rootCert?: string | undefined
  /** Clients without a certificate of one of the authorities are not served. */
  readonly requireClientCertificate: boolean
}

/** @internal */
export interface ServerOptions {
  readonly tls?: TlsOptions | undefined
  /** The next connection is closed at once. */
  readonly maxConnections: number
  readonly connection: ConnectionOptions
  readonly upkeep: UpkeepOptions
}

/** @internal */
export class Server {
  /** What listens. */
  readonly net: Net.Server
  private readonly options: ServerOptions
  private readonly connections = new Map<Connection, Upkeep>()
  /** Accepted, and not through their TLS handshake yet. */
  private readonly strangers = new Set<Net.Socket>()
  private readonly timer: NodeJS.Timeout

  /** Throws where the certificates cannot be used. */
  constructor(options: ServerOptions) {
    this.options = options
    const { tls } = options
    if (tls === undefined) {
      this.net = Net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 })
      this.net.on("connection", (socket: Net.Socket) => this.accept(socket))
    } else {
      const server = Tls.createServer({
        cert: tls.cert,
        key: tls.key,
        ...(tls.rootCert === undefined ? {} : { ca: tls.rootCert }),
        requestCert: tls.requireClientCertificate,
        rejectUnauthorized: tls.requireClientCertificate,
        ALPNProtocols: ["h2"],
        minVersion: "TLSv1.2",
        handshakeTimeout: Math.min(options.upkeep.handshakeTimeout, 2147483647),
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 60_000
      })
      server.on("connection", (socket: Net.Socket) => {
        this.strangers.add(socket)
        socket.on("close", () => this.strangers.delete(socket))
      })
      server.on("tlsClientError", (_error, socket) => socket.destroy())
      server.on("secureConnection", (socket) => {
        if (socket.alpnProtocol === "h2") this.accept(socket)
        else socket.destroy()
      })
      this.net = server
    }
    this.net.maxConnections = options.maxConnections
    this.timer = setInterval(() => this.look(), interval(options.upkeep))
    this.timer.unref()
  }

  private accept(socket: Net.Socket): void {
    const connection = new Connection(socket, this.options.connection)
    this.connections.set(connection, new Upkeep(connection, this.options.upkeep, performance.now()))
    socket.on("close", () => this.connections.delete(connection))
  }

  private look(): void {
    const now = performance.now()
    for (const [connection, upkeep] of this.connections) connection.guard(() => upkeep.look(now))
  }

  /** Asks the clients of this moment to take their next requests elsewhere. */
  leave(): void {
    for (const connection of this.connections.keys()) connection.shutdown(true)
  }

  /** Waits no longer for what clients have begun to send. */
  cutShort(): void {
    for (const connection of this.connections.keys()) {
      for (const stream of connection.streams.values()) connection.guard(() => stream.handler.onCut())
    }
  }

  /** Accepts nothing more; connections end after their last answer. */
  shutdown(): void {
    this.net.close()
    for (const connection of this.connections.keys()) connection.shutdown()
  }

  /** Closes what is left, at once. */
  destroy(): void {
    clearInterval(this.timer)
    for (const socket of this.strangers) socket.destroy()
    for (const connection of this.connections.keys()) {
      // What was answered still leaves its last bytes.
      if (connection.over) connection.socket.destroySoon()
      else connection.destroy()
    }
  }
}

/** How often connections are looked at: a quarter of the shortest time, between 20 ms and a second. */
const interval = (upkeep: UpkeepOptions): number => {
  const { handshakeTimeout, idleTimeout, maxAge, pingAfter, pingTimeout, stillTimeout } = upkeep
  const shortest = Math.min(handshakeTimeout, idleTimeout, maxAge, pingAfter, pingTimeout, stillTimeout)
  return Math.min(1000, Math.max(20, Math.floor(shortest / 4)))
}
