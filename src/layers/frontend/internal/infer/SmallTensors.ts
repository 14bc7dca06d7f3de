/**
 * Memory for small tensors, cut from larger pieces: a typed array of its own costs more than the numbers in it, all the more once
 * somebody asks for its buffer.
 */

/** Bytes of a piece. */
const pieceSize = 16 * 1024
const alignment = 8

/** The largest that is cut from a piece. @internal */
export const largest = 1024

let piece = new ArrayBuffer(pieceSize)
let at = 0

/** Memory of at most {@link largest} bytes, aligned to 8; whatever its contents. @internal */
export const take = (byteLength: number): Uint8Array => {
  if (at + byteLength > pieceSize) {
    piece = new ArrayBuffer(pieceSize)
    at = 0
  }
  const taken = new Uint8Array(piece, at, byteLength)
  at += Math.ceil(byteLength / alignment) * alignment
  return taken
}
