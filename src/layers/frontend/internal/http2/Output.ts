/**
 * What a connection has to send, gathered into few writes: small things are copied together, large ones stay where they are.
 *
 * Small frames of one turn of the event loop leave in one write (see `Turn`). Where the operating system takes what is written at once,
 * large things are copied too (`gather`): to hand over dozens of pieces costs more than to copy them into memory that is still in the
 * cache, from where the operating system then reads.
 */
import type { Socket } from "node:net"
import * as ByteCopy from "../../../ByteCopy.ts"

const minBlock = 1024
const maxBlock = 64 * 1024

/** Pieces of this size are not copied. */
const minAttached = 4096

/** What is gathered for one write: it stays in the cache of a processor, and its reader begins while the next one is gathered. */
const gatheredBlock = 128 * 1024

const nothing = Buffer.alloc(0)

/** Memory to gather in. Connections use it one after the other: it is free again when the operating system took what was in it. */
let spare: Buffer | undefined

/** @internal */
export class Output {
  /** Where things are written, from `at` on; see `reserve`. */
  protected block: Buffer = nothing
  protected at = 0
  private readonly socket: Socket
  private readonly onWritten: () => void
  /** What it is given is never taken at once. */
  private readonly isEncrypted: boolean
  private from = 0
  private size = minBlock
  /** The block of this connection, while another one is gathered in. */
  private own: Buffer | undefined = undefined
  private attached: Array<Uint8Array> = []
  private attachedBytes = 0
  private callbacks: Array<() => void> = []
  /** The callbacks of the last write. */
  private lastCallbacks: Array<() => void> = []
  private inSocket = 0
  /** Grows whenever the operating system took something. */
  written = 0

  /** `onWritten` is called whenever the operating system took something later than at once. */
  constructor(socket: Socket, onWritten: () => void) {
    this.socket = socket
    this.isEncrypted = "encrypted" in socket
    this.onWritten = onWritten
  }

  /** Bytes that the operating system has not taken yet. */
  get queued(): number {
    return this.inSocket + this.attachedBytes + this.at - this.from
  }

  /**
   * Copies what is added from now on whatever its size, so many bytes at least, where the operating system took everything before.
   * Writes what was gathered where there is no room. Not to be called within a frame.
   */
  gather(bytes: number): void {
    if (this.own !== undefined) {
      if (this.block.length - this.at >= bytes) return
      this.flush()
    }
    const waiting = this.at - this.from
    if (this.isEncrypted || this.inSocket > 0 || this.attached.length > 0) return
    if (waiting + bytes > gatheredBlock) return
    const block = spare ?? Buffer.allocUnsafeSlow(gatheredBlock)
    spare = undefined
    this.block.copy(block, 0, this.from, this.at)
    this.own = this.block
    this.block = block
    this.from = 0
    this.at = waiting
  }

  /** Makes room for so many bytes in the block. */
  protected reserve(bytes: number): void {
    if (this.block.length - this.at < bytes) this.renew(bytes)
  }

  private renew(bytes: number): void {
    this.cut()
    // A connection that fills blocks quickly gets larger ones.
    if (this.block.length > 0) this.size = Math.min(maxBlock, this.size * 2)
    this.own = undefined
    this.block = Buffer.allocUnsafeSlow(Math.max(this.size, bytes))
    this.at = 0
    this.from = 0
  }

  private cut(): void {
    if (this.at === this.from) return
    this.attached.push(this.block.subarray(this.from, this.at))
    this.attachedBytes += this.at - this.from
    this.from = this.at
  }

  /**
   * Adds the bytes from `start` to `end`. `true`: they were copied; otherwise they must not change until what `whenWritten` takes next
   * is called.
   */
  protected add(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    if (length >= minAttached && (this.own === undefined || this.block.length - this.at < length)) {
      this.cut()
      this.attached.push(length === bytes.length ? bytes : bytes.subarray(start, end))
      this.attachedBytes += length
      return false
    }
    this.reserve(length)
    this.at = length === bytes.length
      ? ByteCopy.whole(bytes, this.block, this.at)
      : ByteCopy.part(bytes, start, end, this.block, this.at)
    return true
  }

  /** Calls back when everything added so far was taken by the operating system, or never will be. */
  protected whenWritten(callback: () => void): void {
    if (this.attachedBytes > 0 || this.at > this.from) this.callbacks.push(callback)
    else if (this.inSocket > 0) this.lastCallbacks.push(callback)
    else callback()
  }

  /** Writes what was added. */
  flush(): void {
    this.cut()
    const gathered = this.gathered()
    const { attached, attachedBytes, callbacks, isEncrypted, socket } = this
    if (attached.length === 0) {
      if (gathered !== undefined) spare = gathered
      return
    }
    this.attached = []
    this.attachedBytes = 0
    this.callbacks = []
    const later = (): void => {
      this.inSocket -= attachedBytes
      this.written++
      this.settle(gathered, callbacks)
      this.onWritten()
    }
    const last = attached.length - 1
    if (last > 0) socket.cork()
    for (let i = 0; i < last; i++) socket.write(attached[i]!)
    if (isEncrypted) socket.write(attached[last]!, later)
    else socket.write(attached[last]!)
    if (last > 0) socket.uncork()
    if (!isEncrypted) {
      if (socket.writableLength === 0) {
        // Nothing of earlier writes is left in the socket either.
        this.at = 0
        this.from = 0
        this.written++
        return this.settle(gathered, callbacks)
      }
      socket.write(nothing, later)
    }
    this.lastCallbacks = callbacks
    this.inSocket += attachedBytes
  }

  /** Ends the gathering, and gives the memory that it used. */
  private gathered(): Buffer | undefined {
    const { block, own } = this
    if (own === undefined) return undefined
    // Nothing of it was in the socket when gathering began, and what waited in it was copied.
    this.block = own
    this.own = undefined
    this.at = 0
    this.from = 0
    return block
  }

  /** The operating system took it all, or never will. */
  private settle(gathered: Buffer | undefined, callbacks: ReadonlyArray<() => void>): void {
    if (gathered !== undefined) spare = gathered
    for (const callback of callbacks) callback()
  }

  /** Gives up the memory for what is added, where nothing waits in it. */
  rest(): void {
    if (this.queued > 0) return
    this.block = nothing
    this.at = 0
    this.from = 0
    this.size = minBlock
  }

  /** Nothing more will be written: what was added is dropped. */
  drop(): void {
    const { callbacks } = this
    this.attached = []
    this.attachedBytes = 0
    this.callbacks = []
    this.from = this.at
    for (const callback of callbacks) callback()
  }
}
