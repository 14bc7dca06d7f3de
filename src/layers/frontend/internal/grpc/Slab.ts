/**
 * Memory for small messages: cut from pieces that many of them share, and given back by the garbage collector.
 *
 * A message is copied rather than kept where it came, because that would keep the whole chunk, and because its last field can then start
 * aligned.
 */

const slabSize = 16 * 1024
/** Larger ones get memory of their own. */
const maxShare = 2 * 1024

/** A tensor's elements have at most so many bytes. */
const alignment = 8

let slab: Buffer = Buffer.allocUnsafeSlow(slabSize)
let free = 0

/** So many bytes with any contents, which end on a multiple of 8. @internal */
export const take = (length: number): Uint8Array => {
  const padding = (alignment - length % alignment) % alignment
  if (length > maxShare) return Buffer.allocUnsafeSlow(padding + length).subarray(padding)
  if (free + padding + length > slabSize) {
    slab = Buffer.allocUnsafeSlow(slabSize)
    free = 0
  }
  const start = free + padding
  free = start + length
  return slab.subarray(start, free)
}
