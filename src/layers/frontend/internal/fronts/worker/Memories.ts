/** The pieces of shared memory that main has named. */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import type { ToFront } from "../Records.ts"

/** @internal */
export class Memories {
  private readonly port: MessagePort
  private readonly pieces = new Map<number, SharedArrayBuffer>()
  private readonly others: (message: ToFront | 0) => void

  /** `others` takes what is not about memory. */
  constructor(port: MessagePort, others: (message: ToFront | 0) => void) {
    this.port = port
    this.others = others
    port.on("message", (message: ToFront | 0) => this.take(message))
  }

  private take(message: ToFront | 0): void {
    if (message === 0) return this.others(message)
    if (message._tag === "Memory") this.pieces.set(message.id, message.buffer)
    else if (message._tag === "Forget") this.pieces.delete(message.id)
    else this.others(message)
  }

  /** A piece that a record names; the message that names it may not have been looked at yet. */
  get(id: number): SharedArrayBuffer {
    for (;;) {
      const piece = this.pieces.get(id)
      if (piece !== undefined) return piece
      const next = receiveMessageOnPort(this.port) as { readonly message: ToFront | 0 } | undefined
      if (next === undefined) throw new Error(`Nobody named the memory ${id}`)
      // Whoever reads is looking at the ring already.
      if (next.message !== 0) this.take(next.message)
    }
  }
}
