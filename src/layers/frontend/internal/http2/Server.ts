/** Accepts HTTP/2 connections, over TLS with ALPN or in the clear with prior knowledge. Source: RFC 9113 §3.2, §3.3. */
import * as Net from "node:net"
import * as Tls from "node:tls"
import { Handshakes } from "../tls/Handshakes.ts"
import { secureOptions, type TlsMaterial } from "../tls/TlsMaterial.ts"
import type { ConnectionOptions } from "./ConnectionOptions.ts"
import { Connections } from "./Connections.ts"
import type { UpkeepOptions } from "./Upkeep.ts"

/** @internal */
export interface ServerOptions {
  readonly tls?: TlsMaterial | undefined
  /** The next connection is closed at once. */
  readonly maxConnections: number
  readonly connection: ConnectionOptions
  readonly upkeep: UpkeepOptions
}

/** @internal */
export class Server {
  /** What listens. */
  readonly net: Net.Server
  private readonly connections: Connections
  private readonly handshakes: Handshakes | undefined
  private readonly secure: Tls.Server | undefined

  /** Throws where the certificates cannot be used. */
  constructor(options: ServerOptions) {
    const { tls } = options
    const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
    if (tls === undefined) {
      this.net = Net.createServer(socketOptions)
      this.net.on("connection", (socket: Net.Socket) => this.connections.accept(socket, true))
    } else {
      const server = Tls.createServer({
        ...socketOptions,
        ...secureOptions(tls),
        ALPNProtocols: ["h2"],
        handshakeTimeout: Math.min(options.upkeep.handshakeTimeout, 2147483647)
      })
      this.handshakes = new Handshakes(server)
      server.on("tlsClientError", (_error, socket) => socket.destroy())
      server.on("secureConnection", (socket) => {
        if (socket.alpnProtocol === "h2") this.connections.accept(socket)
        else socket.destroy()
      })
      this.net = this.secure = server
    }
    this.net.maxConnections = options.maxConnections
    this.connections = new Connections(options.connection, options.upkeep)
  }

  /** Connections from now on see this certificate. Throws where it cannot be used. */
  renew(tls: TlsMaterial): void {
    this.secure?.setSecureContext(secureOptions(tls))
  }

  /** Asks the clients of this moment to take their next requests elsewhere. */
  leave(): void {
    this.connections.leave()
  }

  /** Waits no longer for what clients have begun to send. */
  cutShort(): void {
    this.connections.cutShort()
  }

  /** Accepts nothing more; connections end after their last answer. */
  shutdown(): void {
    this.net.close()
    this.connections.shutdown()
  }

  /** Closes what is left, at once. */
  destroy(): void {
    this.handshakes?.destroy()
    this.connections.destroy()
  }
}
