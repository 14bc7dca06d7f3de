/** What each frame of a client does, and which ones break the protocol. Source: RFC 9113 §5.1, §5.4, §6. */
import { Budget } from "./Budget.ts"
import type { Connection } from "./Connection.ts"
import { ErrorCode, Flag, FrameType, lastStream } from "./Frame.ts"
import type { FrameSink, Treatment } from "./FrameReader.ts"
import * as FrameRules from "./FrameRules.ts"
import { HeaderBlocks } from "./HeaderBlocks.ts"
import { http1Answer } from "./Http1Answer.ts"
import { PeerSettings } from "./PeerSettings.ts"
import { Pings } from "./Pings.ts"
import { Stream } from "./Stream.ts"

/** Bytes of the settings that one frame may bring. */
const maxSettings = 6 * 64

/** @internal */
export class Inbound implements FrameSink {
  /** The last request that came. */
  lastId = 0
  /** The client's first settings came. */
  greeted = false
  readonly pings: Pings
  /** Requests that the client gave up, or that were refused because of what it did. */
  readonly resets = new Budget(20_000, 2000)
  /** Frames that bring nothing forward. */
  readonly idleFrames = new Budget(10_000, 1000)
  private readonly connection: Connection
  private readonly blocks: HeaderBlocks
  private readonly settings: PeerSettings
  private type = 0
  private flags = 0
  private id = 0
  /** The stream that the current DATA frame belongs to. */
  private target: Stream | undefined = undefined

  constructor(connection: Connection) {
    this.connection = connection
    this.pings = new Pings(connection)
    this.blocks = new HeaderBlocks(connection.options.maxHeaderListBytes)
    this.settings = new PeerSettings(connection)
  }

  badPreface(received: Uint8Array): void {
    const { connection } = this
    const answer = http1Answer(received)
    if (answer === undefined) {
      connection.fail(ErrorCode.protocolError, "the connection does not begin with the preface of HTTP/2")
    } else {
      connection.writer.payload(answer)
      connection.close()
    }
  }

  frame(length: number, type: number, flags: number, id: number): Treatment {
    const { connection } = this
    this.type = type
    this.flags = flags
    this.id = id
    if (!this.greeted && type !== FrameType.settings) return this.broken("the first frame has to be SETTINGS")
    if (length > connection.maxFrame) {
      return this.fail(ErrorCode.frameSizeError, `a frame of ${length} bytes, more than ${connection.maxFrame}`)
    }
    if (this.blocks.open !== 0 && (type !== FrameType.continuation || id !== this.blocks.open)) {
      return this.broken("a header block was interrupted")
    }
    const fault = FrameRules.fault(length, type, flags, id, this.lastId)
    if (fault !== undefined) return this.fail(fault.code, fault.reason)
    switch (type) {
      case FrameType.data:
        return this.data(length)
      case FrameType.headers:
        return this.headerBytes(length)
      case FrameType.continuation:
        return this.blocks.open === 0 ? this.broken("CONTINUATION without HEADERS") : this.headerBytes(length)
      case FrameType.rstStream:
      case FrameType.windowUpdate:
        return "whole"
      case FrameType.goAway:
        return "skip"
      case FrameType.ping:
        return this.idleFrames.spend() ? "whole" : this.flooded()
      case FrameType.settings:
        return this.idleFrames.spend() && length <= maxSettings ? "whole" : this.flooded()
      case FrameType.priority:
        if (!this.idleFrames.spend()) return this.flooded()
        if (length === 5) return "whole"
        this.resetStream(id, ErrorCode.frameSizeError)
        return "skip"
      default:
        return this.idleFrames.spend() ? "skip" : this.flooded()
    }
  }

  private headerBytes(length: number): Treatment {
    return this.blocks.takes(length)
      ? "whole"
      : this.fail(ErrorCode.enhanceYourCalm, "the header fields of a request are far too large")
  }

  private data(length: number): Treatment {
    const { connection, id } = this
    connection.credit -= length
    if (connection.credit < 0) return this.fail(ErrorCode.flowControlError, "more DATA than the connection allows")
    if (length === 0 && (this.flags & Flag.endStream) === 0 && !this.idleFrames.spend()) return this.flooded()
    let stream = connection.streams.get(id)
    if (stream === undefined) {
      if (!connection.ended.wasReset(id)) this.resetStream(id, ErrorCode.streamClosed)
    } else if (stream.ended) {
      this.resetStream(id, ErrorCode.streamClosed)
      stream = undefined
    } else {
      stream.credit -= length
      if (stream.credit < 0) {
        this.resetStream(id, ErrorCode.flowControlError)
        stream = undefined
      }
    }
    this.target = stream
    return connection.over ? "stop" : "data"
  }

  dataPart(chunk: Buffer, start: number, end: number): void {
    const { target } = this
    if (target === undefined || target.closed) return this.connection.consume(end - start)
    target.moved = true
    if (target.announced !== undefined) {
      target.announced -= end - start
      if (target.announced < 0) {
        this.connection.consume(end - start)
        return this.resetStream(target.id, ErrorCode.protocolError)
      }
    }
    target.handler.onData(chunk, start, end)
  }

  dataPadding(bytes: number): void {
    if (this.target === undefined) this.connection.consume(bytes)
    else this.target.consume(bytes)
  }

  badPadding(): void {
    this.broken("more padding than payload")
  }

  dataEnd(): void {
    const { target } = this
    if ((this.flags & Flag.endStream) !== 0) {
      if (target !== undefined && !target.closed) this.streamEnded(target)
      else this.connection.ended.finish(this.id)
    }
    this.target = undefined
  }

  payload(bytes: Buffer, start: number, end: number): void {
    const { connection, id } = this
    switch (this.type) {
      case FrameType.headers:
      case FrameType.continuation:
        return this.headers(bytes, start, end)
      case FrameType.priority:
        if ((bytes.readUInt32BE(start) & lastStream) === id) this.resetStream(id, ErrorCode.protocolError)
        return undefined
      case FrameType.rstStream:
        if (!this.resets.spend()) this.flooded()
        connection.ended.finish(id)
        return connection.streams.get(id)?.close()
      case FrameType.settings:
        if ((this.flags & Flag.ack) !== 0) return undefined
        if (!this.greeted) connection.greet()
        this.greeted = true
        return this.settings.apply(bytes, start, end)
      case FrameType.ping:
        if ((this.flags & Flag.ack) !== 0) this.pings.acknowledged(bytes, end)
        else this.pings.received(bytes, start, end)
        return undefined
      default:
        return this.windowUpdate(id, bytes.readUInt32BE(start) & lastStream)
    }
  }

  private windowUpdate(id: number, bytes: number): void {
    const { connection } = this
    if (id === 0) {
      if (bytes === 0) this.broken("WINDOW_UPDATE by nothing")
      else if (!connection.sender.widen(bytes)) this.fail(ErrorCode.flowControlError, "the window grew too large")
      return
    }
    const stream = connection.streams.get(id)
    if (bytes === 0) this.resetStream(id, ErrorCode.protocolError)
    else if (stream !== undefined && !connection.sender.widenStream(stream, bytes)) {
      this.resetStream(id, ErrorCode.flowControlError)
    }
  }

  private headers(bytes: Buffer, start: number, end: number): void {
    const { blocks, connection, id } = this
    const fault = this.type === FrameType.headers
      ? blocks.begin(bytes, start, end, this.flags, id)
      : blocks.go(bytes, start, end, this.flags)
    if (fault === "padding") this.broken("more padding than payload")
    else if (fault === "flood") this.flooded()
    else if (blocks.open === 0) this.request(connection.streams.get(id))
  }

  /** A header block is complete. */
  private request(open: Stream | undefined): void {
    const { blocks, connection, id } = this
    const { dependsOnItself, endStream } = blocks
    const head = blocks.decode(open !== undefined)
    if (typeof head === "string") return this.connection.fail(ErrorCode.compressionError, head)
    if (open !== undefined) {
      if (open.ended) this.resetStream(id, ErrorCode.streamClosed)
      else if (head === undefined || !endStream || dependsOnItself) this.resetStream(id, ErrorCode.protocolError)
      else this.streamEnded(open)
      return
    }
    if (id <= this.lastId) {
      if (connection.ended.wasReset(id)) {
        if (endStream) connection.ended.finish(id)
        return
      }
      if (connection.ended.wasClosed(id)) this.fail(ErrorCode.streamClosed, "HEADERS on a stream that is over")
      else this.broken("the number of a new stream is lower than that of the last one")
      return
    }
    if (connection.left) return
    this.lastId = id
    if (head === undefined || dependsOnItself || (endStream && (head.contentLength ?? 0) > 0)) {
      return this.resetStream(id, ErrorCode.protocolError)
    }
    const { maxConcurrentStreams } = connection.options
    if (connection.streams.size >= maxConcurrentStreams || connection.working >= 2 * maxConcurrentStreams) {
      return this.resetStream(id, ErrorCode.refusedStream)
    }
    const stream = new Stream(id, connection, head.contentLength)
    stream.ended = endStream
    connection.streams.add(stream)
    connection.options.onRequest(stream, head)
    if (endStream && !stream.closed) stream.handler.onEnd()
  }

  private streamEnded(stream: Stream): void {
    if (stream.announced !== undefined && stream.announced > 0) {
      return this.resetStream(stream.id, ErrorCode.protocolError)
    }
    stream.ended = true
    stream.handler.onEnd()
  }

  /** Ends a stream because of what the client did on it. */
  private resetStream(id: number, code: number): void {
    if (!this.resets.spend()) this.flooded()
    this.connection.resetStream(id, code)
    this.connection.streams.get(id)?.close()
  }

  private broken(reason: string): Treatment {
    return this.fail(ErrorCode.protocolError, reason)
  }

  private flooded(): Treatment {
    return this.fail(ErrorCode.enhanceYourCalm, "too much that brings nothing forward")
  }

  private fail(code: number, reason: string): Treatment {
    this.connection.fail(code, reason)
    return "stop"
  }
}
