/** What a connection owes to time: it greets soon, is not idle for ever, moves, answers pings, and does not grow too old. */
import type { Connection } from "./Connection.ts"

/** Times in milliseconds; `Infinity` is never. @internal */
export interface UpkeepOptions {
  /** Until the client's first settings came. */
  readonly handshakeTimeout: number
  /** Without a byte coming or going, of a stream or of output that waits. */
  readonly stillTimeout: number
  /** Without a request. */
  readonly idleTimeout: number
  /** The client is pinged when nothing came from it for so long. */
  readonly pingAfter: number
  /** It is cut when nothing came for so long after the ping. */
  readonly pingTimeout: number
  /** Also without a request in progress. */
  readonly pingWithoutStreams: boolean
  /** Pings between two answers; 0: any number. */
  readonly maxPingsWithoutAnswer: number
  /** No more requests are taken on a connection of this age. */
  readonly maxAge: number
  /** And it is cut so much later. */
  readonly maxAgeGrace: number
}

/** How long the client may take to learn that no more requests are taken. */
const farewell = 1000

/** @internal */
export class Upkeep {
  private readonly connection: Connection
  private readonly options: UpkeepOptions
  private readonly ageAt: number
  private readonly born: number
  private lookedAt: number
  private received = -1
  private heardAt: number
  private written = -1
  private takenAt: number
  private idleSince: number
  private pingedAt: number | undefined = undefined
  private leavingSince: number | undefined = undefined

  /** `now`: a reading of `performance.now()`. Ages differ by a tenth, so that not all connections end together. */
  constructor(connection: Connection, options: UpkeepOptions, now: number) {
    this.connection = connection
    this.options = options
    this.born = now
    this.lookedAt = now
    this.heardAt = now
    this.takenAt = now
    this.idleSince = now
    this.ageAt = now + options.maxAge * (0.9 + 0.2 * Math.random())
  }

  /** Looks what is due. */
  look(now: number): void {
    const { connection, options } = this
    if (now >= connection.cutAt) return connection.destroy()
    if (connection.over) return
    const { inbound } = connection
    inbound.resets.refill(now - this.lookedAt)
    inbound.idleFrames.refill(now - this.lookedAt)
    this.lookedAt = now
    if (!inbound.greeted && now - this.born > options.handshakeTimeout) return connection.destroy()
    if (!this.moves(now) || !this.answersPings(now)) return connection.destroy()
    if (connection.streams.size > 0 || connection.working > 0) {
      this.idleSince = now
    } else {
      connection.writer.rest()
      if (now - this.idleSince > options.idleTimeout) connection.shutdown()
    }
    if (now > this.ageAt + options.maxAgeGrace) return connection.destroy()
    if (now > this.ageAt) connection.shutdown()
    if (connection.leaving && !connection.left) {
      this.leavingSince ??= now
      if (now - this.leavingSince > farewell) connection.refuseFurther()
    }
    this.lookAtStreams(now)
    connection.stopDue(now)
  }

  /** Whether the client takes what waits for it. */
  private moves(now: number): boolean {
    const { writer } = this.connection
    if (writer.queued > 0 && writer.written === this.written) return now - this.takenAt <= this.options.stillTimeout
    this.written = writer.written
    this.takenAt = now
    return true
  }

  private answersPings(now: number): boolean {
    const { connection, options } = this
    const { pings } = connection.inbound
    if (connection.received !== this.received) {
      this.received = connection.received
      this.heardAt = now
      this.pingedAt = undefined
    } else if (this.pingedAt !== undefined) {
      return now - this.pingedAt <= options.pingTimeout
    } else if (
      now - this.heardAt > options.pingAfter && (connection.streams.size > 0 || options.pingWithoutStreams) &&
      (options.maxPingsWithoutAnswer === 0 || pings.sinceAnswer < options.maxPingsWithoutAnswer)
    ) {
      this.pingedAt = now
      pings.askAlive()
    }
    return true
  }

  private lookAtStreams(now: number): void {
    for (const stream of this.connection.streams.all()) {
      if (stream.closed) continue
      if (stream.moved) {
        stream.moved = false
        stream.stillSince = now
      } else if (now - stream.stillSince > this.options.stillTimeout) {
        stream.stillSince = now
        stream.handler.onStill()
      }
    }
  }
}
