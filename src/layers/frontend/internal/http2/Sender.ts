/** Shares what may be sent fairly between the streams of a connection. Source: RFC 9113 §5.2, §6.9. */
import { defaultWindow, maxWindow } from "./Frame.ts"
import type { FrameWriter } from "./FrameWriter.ts"
import type { Stream } from "./Stream.ts"

/** Large answers wait in their streams while so many bytes wait for the operating system. */
const maxQueued = 512 * 1024

/** Longest DATA frame, so that streams take turns. */
const maxTurn = 64 * 1024

/** Bodies below it are copied into the output, and so leave together with the header blocks around them. */
const maxAtOnce = 4096

/** @internal */
export class Sender {
  /** Bytes that the client allows on the whole connection. */
  window: number = defaultWindow
  /** Bytes that the client allows on a new stream. */
  initialWindow: number = defaultWindow
  private readonly writer: FrameWriter
  private readonly onReady: () => void
  private queue: Array<Stream> = []

  /** `onReady` is called when there may be something to `pump`. */
  constructor(writer: FrameWriter, onReady: () => void) {
    this.writer = writer
    this.onReady = onReady
  }

  /** Streams wait for their turn. */
  get waiting(): boolean {
    return this.queue.length > 0
  }

  /** Whether a body of so many bytes may be `put` now. */
  atOnce(stream: Stream, bytes: number): boolean {
    const { writer } = this
    return bytes < maxAtOnce && bytes <= stream.sendWindow && bytes <= this.window && bytes <= writer.maxFrame &&
      this.queue.length === 0 && writer.queued < maxQueued
  }

  /** Writes one DATA frame, copied. */
  put(stream: Stream, parts: ReadonlyArray<Uint8Array>, bytes: number): void {
    const { writer } = this
    stream.sendWindow -= bytes
    this.window -= bytes
    writer.dataHead(stream.id, bytes, false)
    for (const part of parts) writer.payload(part)
  }

  /** A stream has something to send. */
  ready(stream: Stream): void {
    if (stream.queued) return
    stream.queued = true
    this.queue.push(stream)
    this.onReady()
  }

  /** Gives streams their turns until nothing is left or nothing more fits. */
  pump(): void {
    const { writer } = this
    while (this.queue.length > 0 && this.window > 0 && writer.queued < maxQueued) {
      const stream = this.queue.shift()!
      stream.queued = false
      if (!stream.pending || stream.sendWindow <= 0) continue
      const sent = stream.emit(Math.min(this.window, stream.sendWindow, writer.maxFrame, maxTurn))
      this.window -= sent
      stream.sendWindow -= sent
      if (stream.pending && !stream.queued) {
        stream.queued = true
        this.queue.push(stream)
      }
    }
  }

  /** The client allows more on the connection. `false`: too much. */
  widen(bytes: number): boolean {
    this.window += bytes
    if (this.waiting) this.onReady()
    return this.window <= maxWindow
  }

  /** The client allows more on a stream. `false`: too much. */
  widenStream(stream: Stream, bytes: number): boolean {
    stream.sendWindow += bytes
    if (stream.sendWindow > maxWindow) return false
    if (stream.pending && stream.sendWindow > 0) this.ready(stream)
    return true
  }

  /** The client changed the windows of all streams. `false`: too much. */
  resize(initialWindow: number, streams: Iterable<Stream>): boolean {
    const change = initialWindow - this.initialWindow
    this.initialWindow = initialWindow
    for (const stream of streams) if (!this.widenStream(stream, change)) return false
    return true
  }

  /** Nothing more will be sent. */
  clear(): void {
    this.queue = []
  }
}
