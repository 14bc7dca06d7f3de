/** One HTTP/2 connection as its server sees it: its streams, its output, and how it ends. Source: RFC 9113 §3.4, §5, §6.8. */
import type { Socket } from "node:net"
import { Intake, type Reader } from "../Intake.ts"
import type { ConnectionOptions } from "./ConnectionOptions.ts"
import { EndedStreams } from "./EndedStreams.ts"
import { defaultWindow, ErrorCode, lastStream, Setting } from "./Frame.ts"
import { FrameReader } from "./FrameReader.ts"
import { FrameWriter } from "./FrameWriter.ts"
import { Inbound } from "./Inbound.ts"
import { Sender } from "./Sender.ts"
import type { Stream } from "./Stream.ts"
import { StreamTable } from "./StreamTable.ts"
import * as Turn from "./Turn.ts"

/** Bytes that a client may send on a stream before any of them was taken. */
const streamWindow = 1024 * 1024
/** The same for all streams of a connection together. */
const connectionWindow = 16 * 1024 * 1024
/** Longest payload of a frame that a client may send. */
const maxFrame = 1024 * 1024
/** Nothing more is read while so many bytes wait for the client. */
const maxUnsent = 2 * 1024 * 1024

/** A chunk from this size on is freed at once when it was copied, instead of by the garbage collector. */
const minDetached = 4096

/** How long what a client still sends is read after an error, so that it sees the reason and no reset. Milliseconds. */
const lingerMillis = 1000

/** What the connections of the process read into: larger than that of `Intake`, because frames come behind each other. */
const shared = Buffer.allocUnsafeSlow(256 * 1024)

/** @internal */
export class Connection implements Reader {
  /** The socket; another one than it was made with, which stands for the same connection. */
  readonly socket: Socket
  readonly options: ConnectionOptions
  readonly writer: FrameWriter
  readonly sender: Sender
  readonly inbound: Inbound
  readonly streams = new StreamTable<Stream>()
  readonly ended = new EndedStreams()
  readonly streamWindow = streamWindow
  readonly maxFrame = maxFrame
  /** Bytes that the client may still send on all streams. */
  credit = connectionWindow
  readonly awake: number
  /** Requests whose work is not over, with those whose stream is. */
  working = 0
  /** Something kept the chunk that is being read. */
  chunkKept = false
  /** Nobody else changes the memory of that chunk. */
  chunkOwned = true
  /** Grows with every chunk that came. */
  received = 0
  /** Nothing is read or sent any more, but for the reason that was given. */
  over = false
  /** No more requests are taken. */
  leaving = false
  /** It stays until the client knows, also without a request in progress. */
  private gently = false
  /** The last word about which requests are taken was sent. */
  left = false
  /** When a connection that is over is cut, on the clock of `performance.now()`. */
  cutAt = Infinity
  private readonly reader: FrameReader
  private owed = 0
  private dirty = false
  private paused = false

  /** `fresh`: the socket was accepted just now and nobody has read from it. */
  constructor(accepted: Socket, options: ConnectionOptions, fresh: boolean) {
    const socket = fresh ? new Intake(accepted, this).socket : accepted
    this.socket = socket
    this.options = options
    this.awake = options.awake
    this.writer = new FrameWriter(socket, () => this.guard(() => this.relieved()))
    this.sender = new Sender(this.writer, () => this.touch())
    this.inbound = new Inbound(this)
    this.reader = new FrameReader(this.inbound)
    if (!fresh) socket.on("data", (chunk: Buffer) => this.receive(chunk, true))
    socket.on("error", () => {})
    socket.on("close", () => this.closed())
  }

  /** The client greeted: so does the server. */
  greet(): void {
    const { maxConcurrentStreams, maxHeaderListBytes } = this.options
    this.writer.settings([
      Setting.maxConcurrentStreams,
      maxConcurrentStreams,
      Setting.initialWindowSize,
      streamWindow,
      Setting.maxFrameSize,
      maxFrame,
      Setting.maxHeaderListSize,
      maxHeaderListBytes
    ])
    this.writer.windowUpdate(0, connectionWindow - defaultWindow)
    this.touch()
  }

  receive(chunk: Buffer, owned: boolean): void {
    try {
      this.read(chunk, owned)
    } catch (thrown) {
      this.broken(thrown)
    }
  }

  receivePlaced(length: number): void {
    this.receive(shared.subarray(0, length), false)
  }

  place(): Uint8Array {
    return shared
  }

  private read(chunk: Buffer, owned: boolean): void {
    this.received++
    this.chunkKept = false
    this.chunkOwned = owned
    this.reader.push(chunk)
    const { buffer, length } = chunk
    if (
      owned && !this.chunkKept && length >= minDetached && length === buffer.byteLength && buffer instanceof ArrayBuffer
    ) {
      buffer.transfer(0)
    }
    if (!this.paused && this.writer.queued > maxUnsent) {
      this.paused = true
      this.socket.pause()
    }
  }

  /** Something is to be written at the end of this turn. */
  touch(): void {
    if (this.dirty) return
    this.dirty = true
    Turn.post(this)
  }

  /** Writes what there is. */
  flush(): void {
    this.dirty = false
    this.guard(() => {
      if (!this.over) this.sender.pump()
      this.writer.flush()
    })
  }

  /** Runs a step; what it throws is a bug that ends this connection and nothing else. */
  guard(step: () => void): void {
    try {
      step()
    } catch (thrown) {
      this.broken(thrown)
    }
  }

  private broken(thrown: unknown): void {
    this.options.onDefect(thrown)
    this.destroy()
  }

  /** The operating system took something. */
  private relieved(): void {
    if (this.sender.waiting && !this.dirty) this.flush()
    if (this.paused && this.writer.queued < maxUnsent / 2) {
      this.paused = false
      this.socket.resume()
    }
  }

  /** So many bytes of bodies need no memory any more. */
  consume(bytes: number): void {
    this.owed += bytes
    if (this.owed < connectionWindow / 4 || this.over) return
    this.writer.windowUpdate(0, this.owed)
    this.credit += this.owed
    this.owed = 0
    this.touch()
  }

  /** A stream is no more. */
  forget(stream: Stream): void {
    this.streams.delete(stream.id)
    this.ended.add(stream.id)
    if (this.leaving && this.streams.size === 0 && (this.left || !this.gently)) this.leave()
  }

  /** Tells the client that a stream is over, and remembers that it may not know yet. */
  resetStream(id: number, code: number): void {
    this.ended.reset(id)
    this.writer.rstStream(id, code)
    this.touch()
  }

  /** A stream was answered whole, and the client still sends on it. */
  stop(id: number): void {
    const { stopAfter } = this.options
    const waits = stopAfter > 0 && !this.leaving && this.ended.wait(id, performance.now() + stopAfter)
    if (!waits) this.resetStream(id, ErrorCode.noError)
  }

  /** Tells the client to stop where it still sends, and it is time. */
  stopDue(now: number): void {
    for (let id = this.ended.due(now); id !== undefined; id = this.ended.due(now)) {
      this.resetStream(id, ErrorCode.noError)
    }
  }

  /** Ends the connection because of what the client did. */
  fail(code: number, reason: string): void {
    if (this.over) return
    if (!this.inbound.greeted) this.greet()
    this.writer.goAway(this.inbound.lastId, code, reason)
    this.close()
  }

  /** Takes no more requests, and ends the connection after the last answer. `gently`: an idle one is told first as well. */
  shutdown(gently = false): void {
    if (this.over) return
    this.stopDue(Infinity)
    this.gently = gently && (this.gently || !this.leaving)
    if (!gently && this.streams.size === 0) return this.leave()
    if (this.leaving) return
    this.leaving = true
    // The client may have sent requests that are not here yet: it is told first, and answers the ping when it knows.
    this.writer.goAway(lastStream, ErrorCode.noError, "")
    this.inbound.pings.askLast()
    this.touch()
  }

  /** The client knows that no more requests are taken. */
  refuseFurther(): void {
    if (this.left || this.over) return
    this.left = true
    this.writer.goAway(this.inbound.lastId, ErrorCode.noError, "")
    this.touch()
    if (this.streams.size === 0) this.close()
  }

  private leave(): void {
    if (!this.left) this.refuseFurther()
    else this.close()
  }

  /** Writes what there is and closes. */
  close(): void {
    if (this.over) return
    this.over = true
    this.reader.stop()
    this.cutAt = performance.now() + lingerMillis
    for (const stream of this.streams.all()) stream.close()
    this.sender.clear()
    this.flush()
    this.socket.end()
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy()
    this.closed()
  }

  private closed(): void {
    this.over = true
    this.sender.clear()
    this.reader.stop()
    for (const stream of this.streams.all()) stream.close()
    this.writer.drop()
  }
}
