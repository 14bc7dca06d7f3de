/**
 * Finds out by its first bytes which version of HTTP a connection in the clear speaks: HTTP/2 with prior knowledge begins with a
 * preface that is no request of HTTP/1. Source: RFC 9113 §3.3, §3.4.
 */
import type { Socket } from "node:net"
import { preface } from "../http2/Frame.ts"
import { closingBytes } from "./Answer.ts"
import { lingerMillis } from "./Connection.ts"

/** `PRI`: no method of HTTP/1 begins with it. */
const telling = 3

interface Opening {
  readonly since: number
  readonly listener: (chunk: Buffer) => void
}

const nothing = (): void => {}

/** A client that has nothing to say gets no answer. */
function ended(this: Socket): void {
  this.end()
}

/** @internal */
export class Openings {
  private readonly waiting = new Map<Socket, Opening>()
  private readonly http1: (socket: Socket) => void
  private readonly http2: (socket: Socket) => void
  private readonly timer: NodeJS.Timeout
  /** Of a connection that closes; one function for all of them. */
  private readonly closed: (this: Socket) => void

  /** `timeout`: milliseconds until the first bytes are here. */
  constructor(timeout: number, http1: (socket: Socket) => void, http2: (socket: Socket) => void) {
    this.http1 = http1
    this.http2 = http2
    const { waiting } = this
    this.closed = function(this: Socket): void {
      waiting.delete(this)
    }
    this.timer = setInterval(() => this.look(timeout), Math.min(5000, Math.max(50, Math.ceil(timeout / 4))))
    this.timer.unref()
  }

  /** Waits for the first bytes of a connection, and hands it over with them. */
  accept(socket: Socket): void {
    let first: Buffer | undefined = undefined
    const listener = (chunk: Buffer): void => {
      first = first === undefined ? chunk : Buffer.concat([first, chunk])
      const begins =
        first.compare(preface, 0, Math.min(first.length, telling), 0, Math.min(first.length, telling)) === 0
      if (begins && first.length < telling) return
      this.forget(socket)
      // Whoever takes the connection reads these bytes first.
      socket.pause()
      socket.unshift(first)
      if (begins) this.http2(socket)
      else this.http1(socket)
      socket.resume()
    }
    this.waiting.set(socket, { since: performance.now(), listener })
    socket.on("data", listener)
    socket.on("error", nothing)
    socket.on("close", this.closed)
    socket.on("end", ended)
  }

  private forget(socket: Socket): void {
    const opening = this.waiting.get(socket)
    if (opening === undefined) return
    this.waiting.delete(socket)
    socket.off("data", opening.listener)
    socket.off("error", nothing)
    socket.off("close", this.closed)
    socket.off("end", ended)
  }

  private look(timeout: number): void {
    const now = performance.now()
    for (const [socket, { since }] of this.waiting) {
      if (now - since <= timeout) break
      this.forget(socket)
      socket.on("error", nothing)
      socket.end(closingBytes(408, "The request did not arrive in time. Send its head and its body without pauses."))
      socket.resume()
      const cut = setTimeout(() => socket.destroy(), lingerMillis)
      cut.unref()
      socket.once("close", () => clearTimeout(cut))
    }
  }

  /** Closes what has not begun. */
  destroy(): void {
    clearInterval(this.timer)
    for (const socket of this.waiting.keys()) socket.destroy()
  }
}
