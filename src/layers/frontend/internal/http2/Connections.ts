/** The HTTP/2 connections of a listener: kept up, asked to leave, and closed together. */
import type { Socket } from "node:net"
import { Connection } from "./Connection.ts"
import type { ConnectionOptions } from "./ConnectionOptions.ts"
import { Upkeep, type UpkeepOptions } from "./Upkeep.ts"

/** @internal */
export class Connections {
  private readonly options: ConnectionOptions
  private readonly upkeep: UpkeepOptions
  private readonly all = new Map<Connection, Upkeep>()
  private readonly timer: NodeJS.Timeout
  private closing = false

  constructor(options: ConnectionOptions, upkeep: UpkeepOptions) {
    this.options = options
    this.upkeep = upkeep
    this.timer = setInterval(() => this.look(), interval(upkeep))
    this.timer.unref()
  }

  /** Serves a connection, from the preface of HTTP/2 on. `fresh`: it was accepted just now and nobody has read from it. */
  accept(socket: Socket, fresh = false): void {
    // A client that sends nothing more can neither widen a window nor answer a ping.
    socket.allowHalfOpen = false
    const connection = new Connection(socket, this.options, fresh)
    this.all.set(connection, new Upkeep(connection, this.upkeep, performance.now()))
    connection.socket.on("close", () => this.all.delete(connection))
    if (this.closing) connection.shutdown()
  }

  private look(): void {
    const now = performance.now()
    for (const [connection, upkeep] of this.all) connection.guard(() => upkeep.look(now))
  }

  /** Asks the clients of this moment to take their next requests elsewhere. */
  leave(): void {
    for (const connection of this.all.keys()) connection.shutdown(true)
  }

  /** Waits no longer for what clients have begun to send. */
  cutShort(): void {
    for (const connection of this.all.keys()) {
      for (const stream of connection.streams.all()) {
        if (!stream.closed) connection.guard(() => stream.handler.onCut())
      }
    }
  }

  /** Connections end after their last answer. */
  shutdown(): void {
    this.closing = true
    for (const connection of this.all.keys()) connection.shutdown()
  }

  /** Closes what is left, at once. */
  destroy(): void {
    clearInterval(this.timer)
    for (const connection of this.all.keys()) {
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
