/**
 * Which pieces of shared memory a front knows, by number.
 *
 * Naming a piece costs a message, so a front keeps what it was told: until main has no use for the piece any more, or the bound is
 * reached.
 */
import type { MessagePort } from "node:worker_threads"
import type { ToFront } from "./Records.ts"

/** Pieces that a front keeps. */
const maxKnown = 256
/** Larger pieces are named for one use only. */
const maxKeptBytes = 16 * 1024 * 1024
/** Bytes that a front keeps. */
const maxKnownBytes = 64 * 1024 * 1024

interface Piece {
  readonly id: number
  readonly byteLength: number
  uses: number
}

/** @internal */
export class NamedMemory {
  private readonly port: Pick<MessagePort, "postMessage">
  /** In the order of their last use. */
  private readonly pieces = new Map<SharedArrayBuffer, Piece>()
  private bytes = 0
  private nextId = 1

  constructor(port: Pick<MessagePort, "postMessage">) {
    this.port = port
  }

  /** The number of a piece, which the front keeps at least until `done` was called as often as this. */
  use(buffer: SharedArrayBuffer): number {
    let piece = this.pieces.get(buffer)
    if (piece === undefined) {
      piece = { id: this.nextId++, byteLength: buffer.byteLength, uses: 0 }
      this.bytes += buffer.byteLength
      this.port.postMessage({ _tag: "Memory", id: piece.id, buffer } satisfies ToFront)
    } else {
      this.pieces.delete(buffer)
    }
    this.pieces.set(buffer, piece)
    piece.uses++
    return piece.id
  }

  /** A record that names it needs it no longer. */
  done(buffer: SharedArrayBuffer): void {
    const piece = this.pieces.get(buffer)
    if (piece === undefined) return
    piece.uses--
    if (piece.uses === 0 && piece.byteLength > maxKeptBytes) this.forget(buffer, piece)
    if (this.pieces.size > maxKnown || this.bytes > maxKnownBytes) this.trim()
  }

  private trim(): void {
    for (const [buffer, piece] of this.pieces) {
      if (piece.uses > 0) continue
      this.forget(buffer, piece)
      if (this.pieces.size <= maxKnown && this.bytes <= maxKnownBytes) return
    }
  }

  private forget(buffer: SharedArrayBuffer, { byteLength, id }: Piece): void {
    this.pieces.delete(buffer)
    this.bytes -= byteLength
    this.port.postMessage({ _tag: "Forget", id } satisfies ToFront)
  }
}
