/** The connections of HTTP/1.1 of a listener: minded by one timer, and closed together. */
import type { Socket } from "node:net"
import { Http1Connection, type Http1Handler, type Http1Options } from "./Http1Connection.ts"

/** @internal */
export class Http1Connections {
  private readonly options: Http1Options
  private readonly handler: Http1Handler
  private readonly all = new Set<Http1Connection>()
  private readonly timer: NodeJS.Timeout

  constructor(options: Http1Options, handler: Http1Handler) {
    this.options = options
    this.handler = {
      onRequest: handler.onRequest,
      onDefect: handler.onDefect,
      onLeave: (connection, bytes) => {
        this.all.delete(connection)
        handler.onLeave(connection, bytes)
      },
      onClose: (connection) => {
        this.all.delete(connection)
        handler.onClose(connection)
      }
    }
    this.timer = setInterval(() => this.look(), interval(options))
    this.timer.unref()
  }

  /** Serves a connection from its first byte on. */
  accept(socket: Socket): void {
    this.all.add(new Http1Connection(socket, this.options, this.handler, performance.now()))
  }

  private look(): void {
    const now = performance.now()
    for (const connection of this.all) connection.guard(() => connection.look(now))
  }

  /** Closes those that wait for a request. */
  closeIdle(): void {
    for (const connection of this.all) if (!connection.busy) connection.destroy()
  }

  /** Waits no longer for what clients have begun to send. */
  cutShort(): void {
    for (const connection of this.all) connection.guard(() => connection.cutShort())
  }

  /** Closes what is left; what was answered still leaves its last bytes. */
  destroy(): void {
    clearInterval(this.timer)
    for (const connection of this.all) connection.finish()
  }
}

/** How often connections are looked at: a quarter of the shortest time, between 20 ms and a second. */
const interval = ({ bodyTimeout, headerTimeout, idleTimeout, requestTimeout }: Http1Options): number =>
  Math.min(1000, Math.max(20, Math.floor(Math.min(bodyTimeout, headerTimeout, idleTimeout, requestTimeout) / 4)))
