/**
 * Where messages lie: in tensor memory from 16 KiB on, below that in pieces of memory that small ones share and the garbage collector
 * gives back.
 *
 * A small message is copied rather than kept where it came, because that would keep the whole chunk. A place ends aligned: the last field
 * of a message, where tensors are, then starts aligned for its own element type, whatever comes before it.
 */
import type { Region, TensorMemory } from "../../../../services/TensorMemory.ts"
import * as SmallMemory from "../SmallMemory.ts"

/** Memory of exactly the size that was asked for. Whoever has it gives the region back. @internal */
export interface Place {
  readonly bytes: Uint8Array
  readonly region: Region | undefined
}

/** In tensor memory from this size on. */
const minShared = 16 * 1024
const sharedAlignment = 64

/** Bytes of the largest element of a tensor. */
const alignment = 8

/** A place for so many bytes, with any contents. Throws where there is no memory. @internal */
export const take = (memory: TensorMemory["Service"], length: number): Place => {
  if (length < minShared) {
    return { bytes: length > SmallMemory.largest ? alone(length) : SmallMemory.take(length, length), region: undefined }
  }
  const padding = (sharedAlignment - length % sharedAlignment) % sharedAlignment
  const region = memory.acquire(padding + length)
  return { bytes: region.bytes.subarray(padding), region }
}

const alone = (length: number): Uint8Array => {
  const padding = (alignment - length % alignment) % alignment
  return Buffer.allocUnsafeSlow(padding + length).subarray(padding)
}
