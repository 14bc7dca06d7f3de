/** The pings of a connection, in both directions. Source: RFC 9113 §6.7; protocol §7.1 for how many are too many. */
import type { Connection } from "./Connection.ts"
import { ErrorCode } from "./Frame.ts"

/** A client without requests in progress may ping as often as this, where it may not ping then at all. Milliseconds. */
const idleInterval = 2 * 60 * 60 * 1000

const aliveMark = 1
const lastMark = 2

/** @internal */
export class Pings {
  /** Pings sent since the last answer. */
  sinceAnswer = 0
  private readonly connection: Connection
  private strikes = 0
  private lastAt = -Infinity

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** The client pinged. */
  received(bytes: Buffer, start: number, end: number): void {
    const { connection } = this
    connection.writer.ping(bytes.subarray(start, end), true)
    connection.touch()
    const { maxStrikes, minInterval, permitWithoutStreams } = connection.options.pings
    const now = performance.now()
    const interval = connection.streams.size === 0 && !permitWithoutStreams ? idleInterval : minInterval
    const early = now - this.lastAt < interval
    this.lastAt = now
    if (early && ++this.strikes > maxStrikes && maxStrikes > 0) {
      connection.fail(ErrorCode.enhanceYourCalm, "too_many_pings")
    }
  }

  /** The server sent headers or data, so that pings before it are forgiven. */
  answered(): void {
    this.sinceAnswer = 0
    this.strikes = 0
    this.lastAt = -Infinity
  }

  /** Asks whether the client is still there. */
  askAlive(): void {
    this.sinceAnswer++
    this.ask(aliveMark)
  }

  /** Asks the client to say when it knows what was sent before. */
  askLast(): void {
    this.ask(lastMark)
  }

  private ask(mark: number): void {
    const payload = new Uint8Array(8)
    payload[7] = mark
    this.connection.writer.ping(payload, false)
    this.connection.touch()
  }

  /** The client answered a ping. */
  acknowledged(bytes: Buffer, end: number): void {
    if (bytes[end - 1] === lastMark) this.connection.refuseFurther()
  }
}
