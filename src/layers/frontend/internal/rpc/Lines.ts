/** Joins text that comes in pieces into whole lines. The pieces of a line are joined once, when its end comes. */

/** Most pieces of one line. */
const maxPieces = 16384

/** @internal */
export class Lines {
  private readonly maxLength: number
  private pieces: Array<string> = []
  private length = 0

  /** `maxLength`: code units of what is kept. */
  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  /** Adds a piece, and gives the lines that it completes, `""` for none. Throws an `Error` when a line becomes too long, and drops it. */
  add(piece: string): string {
    const end = piece.lastIndexOf("\n") + 1
    if (end === piece.length && this.pieces.length === 0) return piece
    const lines = end === 0 ? "" : this.take(piece.slice(0, end))
    const rest = piece.slice(end)
    if (rest === "") return lines
    this.pieces.push(rest)
    this.length += rest.length
    if (this.length > this.maxLength || this.pieces.length > maxPieces) {
      this.take("")
      throw new Error(`a line has more than ${this.maxLength} characters, or came in more than ${maxPieces} pieces`)
    }
    return lines
  }

  private take(last: string): string {
    const { pieces } = this
    this.pieces = []
    this.length = 0
    return pieces.join("") + last
  }
}
