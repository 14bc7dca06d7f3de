/**
 * Memory for what is small and lives about as long as a request: cut from slabs that it shares, which the garbage collector gives back
 * once nobody has a piece of them. A typed array with memory of its own costs more than what is in it, all the more once somebody asks
 * for its buffer.
 */
import { markAsUntransferable } from "node:worker_threads"

const slabSize = 16 * 1024
/** Bytes of the largest element of a tensor. */
const alignment = 8

/** The largest that is cut from a slab. @internal */
export const largest = 2 * 1024

const slabOf = (): ArrayBuffer => {
  const made = new ArrayBuffer(slabSize)
  // Whoever moved one piece to another thread would take all the others along.
  markAsUntransferable(made)
  return made
}

let slab = slabOf()
let free = 0

/**
 * Memory of at most {@link largest} bytes, whatever its contents, whose byte at `place` is aligned for every type of tensor; `place` may be
 * its end.
 *
 * @internal
 */
export const take = (byteLength: number, place = 0): Uint8Array<ArrayBuffer> => {
  let start = startOf(place)
  if (start + byteLength > slabSize) {
    slab = slabOf()
    free = 0
    start = startOf(place)
  }
  free = start + byteLength
  return new Uint8Array(slab, start, byteLength)
}

/** The first free byte from which on `place` is aligned. */
const startOf = (place: number): number => free + (alignment - (free + place) % alignment) % alignment
