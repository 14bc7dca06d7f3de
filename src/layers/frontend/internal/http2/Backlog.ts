/** Pieces of a request that came before anybody asked for them, bounded by the window of their stream. */

/** Pieces below this size are copied together, because each one kept costs as much. */
const minKept = 1024
const tailSize = 4096

const nothing = Buffer.alloc(0)

/** @internal */
export class Backlog {
  /** Bytes in it. */
  size = 0
  private pieces: Array<Buffer> = []
  private first = 0
  /** Where small pieces go, and how many bytes of it belong to the last piece. */
  private tail: Buffer = nothing
  private used = 0

  /** Adds bytes. `true`: the chunk itself is kept, which may be only if nobody else changes its memory (`owned`). */
  push(chunk: Buffer, start: number, end: number, owned = true): boolean {
    const length = end - start
    this.size += length
    if (length >= minKept) {
      this.seal()
      const piece = chunk.subarray(start, end)
      this.pieces.push(owned ? piece : Buffer.from(piece))
      return owned
    }
    if (this.tail.length - this.used < length) {
      this.seal()
      this.tail = Buffer.allocUnsafeSlow(tailSize)
    }
    this.used += chunk.copy(this.tail, this.used, start, end)
    return false
  }

  private seal(): void {
    if (this.used > 0) this.pieces.push(this.tail.subarray(0, this.used))
    this.tail = nothing
    this.used = 0
  }

  /** Takes the first piece out. */
  shift(): Buffer | undefined {
    if (this.first === this.pieces.length) {
      this.pieces = []
      this.first = 0
      this.seal()
      if (this.pieces.length === 0) return undefined
    }
    const piece = this.pieces[this.first++]!
    this.size -= piece.length
    return piece
  }

  /** Puts the rest of the piece that was taken out last back to the front. */
  unshift(rest: Buffer): void {
    this.pieces[--this.first] = rest
    this.size += rest.length
  }
}
