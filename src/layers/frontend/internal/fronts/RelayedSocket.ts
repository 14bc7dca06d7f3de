/** A connection that a front holds and main serves, with what servers need of a socket. */
import { Duplex } from "node:stream"
import type { MessagePort } from "node:worker_threads"
import { movable, type RelayedWire, type RelayMessage } from "./Relay.ts"

/** @internal */
export class RelayedSocket extends Duplex {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  /** Milliseconds without a byte until the event `timeout`; 0: never. */
  timeout = 0
  private readonly port: MessagePort
  /** Bytes that came and that nobody was ready for. */
  private untaken = 0
  /** Somebody is ready for more. */
  private wanted = false
  /** Bytes of the write that the front has not done yet, and who waits for it. */
  private unwritten = 0
  private written: ((error?: Error) => void) | undefined = undefined
  private timer: NodeJS.Timeout | undefined = undefined

  constructor(port: MessagePort, wire: RelayedWire) {
    super({ allowHalfOpen: true })
    this.remoteAddress = wire.remoteAddress
    this.remotePort = wire.remotePort
    this.localAddress = wire.localAddress
    this.localPort = wire.localPort
    this.port = port
    port.on("message", (message: RelayMessage) => this.told(message))
    port.on("close", () => this.destroy())
  }

  private told(message: RelayMessage): void {
    this.stirred()
    if (message === "end") this.push(null)
    else if (message === "close") this.destroy()
    else if (typeof message === "number") {
      this.unwritten -= message
      if (this.unwritten > 0) return
      const { written } = this
      this.written = undefined
      written?.()
    } else {
      this.wanted = false
      const { byteLength } = message
      if (this.push(Buffer.from(message.buffer, message.byteOffset, byteLength)) || this.wanted) this.tell(byteLength)
      else this.untaken += byteLength
    }
  }

  override _read(): void {
    this.wanted = true
    const { untaken } = this
    if (untaken === 0) return
    this.untaken = 0
    this.tell(untaken)
  }

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.send(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk, done)
  }

  override _writev(
    chunks: Array<{ chunk: Uint8Array | string; encoding: BufferEncoding }>,
    done: (error?: Error) => void
  ): void {
    this.send(
      Buffer.concat(
        chunks.map(({ chunk, encoding }) => typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk)
      ),
      done
    )
  }

  private send(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.stirred()
    if (bytes.byteLength === 0) return done()
    const moved = movable(bytes)
    this.unwritten = moved.byteLength
    this.written = done
    this.port.postMessage(moved satisfies RelayMessage, [moved.buffer])
  }

  override _final(done: () => void): void {
    this.tell("end")
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.timer)
    this.tell("close")
    this.port.close()
    const { written } = this
    this.written = undefined
    written?.(new Error("The connection is closed"))
    done(error)
  }

  private tell(message: RelayMessage): void {
    this.port.postMessage(message)
  }

  private stirred(): void {
    this.timer?.refresh()
  }

  setTimeout(millis: number, onTimeout?: () => void): this {
    clearTimeout(this.timer)
    this.timer = undefined
    this.timeout = millis
    if (millis > 0) {
      this.timer = setTimeout(() => this.emit("timeout"), Math.min(millis, 2147483647))
      this.timer.unref()
    }
    if (onTimeout !== undefined) this.once("timeout", onTimeout)
    return this
  }

  /** Closes it once everything written has left. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once("finish", () => this.destroy())
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}
