/** The connections of a TLS server that are not through their handshake yet, which nobody else knows. */
import type { Socket } from "node:net"
import type { Server } from "node:tls"

/** @internal */
export class Handshakes {
  private readonly sockets = new Map<string, Socket>()

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      const name = nameOf(socket)
      this.sockets.set(name, socket)
      socket.on("close", () => this.sockets.delete(name))
    })
    server.on("secureConnection", (socket) => this.sockets.delete(nameOf(socket)))
  }

  /** Closes them. */
  destroy(): void {
    for (const socket of this.sockets.values()) socket.destroy()
  }
}

/** The socket below TLS and the one above are different objects with the same other side. */
const nameOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
