/**
 * What a connection has to send, gathered into few writes: small things are copied together, large ones stay where they are.
 *
 * Frames of one turn of the event loop leave in one write (see `Turn`).
 */
import type { Socket } from "node:net"
import * as ByteCopy from "../../../ByteCopy.ts"

const minBlock = 1024
const maxBlock = 64 * 1024

/** Pieces of this size are not copied. */
const minAttached = 4096

const nothing = Buffer.alloc(0)

/** @internal */
export class Output {
  /** Where small things are written, from `at` on; see `reserve`. */
  protected block: Buffer = nothing
  protected at = 0
  private readonly socket: Socket
  private readonly onWritten: () => void
  private from = 0
  private size = minBlock
  private attached: Array<Uint8Array> = []
  private attachedBytes = 0
  private callbacks: Array<() => void> = []
  /** The callbacks of the last write. */
  private lastCallbacks: Array<() => void> = []
  private inSocket = 0
  /** Grows whenever the operating system took something. */
  written = 0

  /** `onWritten` is called whenever the operating system took something. */
  constructor(socket: Socket, onWritten: () => void) {
    this.socket = socket
    this.onWritten = onWritten
  }

  /** Bytes that the operating system has not taken yet. */
  get queued(): number {
    return this.inSocket + this.attachedBytes + this.at - this.from
  }

  /** Makes room for so many bytes in the block. */
  protected reserve(bytes: number): void {
    if (this.block.length - this.at < bytes) this.renew(bytes)
  }

  private renew(bytes: number): void {
    this.cut()
    // A connection that fills blocks quickly gets larger ones.
    if (this.block.length > 0) this.size = Math.min(maxBlock, this.size * 2)
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

  /** Adds bytes. `true`: they were copied; otherwise they must not change until what `whenWritten` takes next is called. */
  protected add(bytes: Uint8Array): boolean {
    const { length } = bytes
    if (length >= minAttached) {
      this.cut()
      this.attached.push(bytes)
      this.attachedBytes += length
      return false
    }
    this.reserve(length)
    this.at = ByteCopy.whole(bytes, this.block, this.at)
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
    const { attached, attachedBytes, callbacks, socket } = this
    if (attached.length === 0) return
    this.attached = []
    this.attachedBytes = 0
    this.callbacks = []
    this.lastCallbacks = callbacks
    this.inSocket += attachedBytes
    const done = (): void => {
      this.inSocket -= attachedBytes
      this.written++
      for (const callback of callbacks) callback()
      this.onWritten()
    }
    const last = attached.length - 1
    if (last === 0) {
      socket.write(attached[0]!, done)
      return
    }
    socket.cork()
    for (let i = 0; i < last; i++) socket.write(attached[i]!)
    socket.write(attached[last]!, done)
    socket.uncork()
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
