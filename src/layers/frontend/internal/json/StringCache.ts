/** Strings of JSON that are known to be ASCII. */
import { longest, mix, recall, seed } from "../../../../schema/ShortStrings.ts"

/** The string of the ASCII bytes from `start` to `end`. @category constructors */
export const fromAscii = (bytes: Uint8Array, start: number, end: number): string => {
  const length = end - start
  if (length > longest) {
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("latin1")
  }
  let hash = seed(length)
  for (let i = start; i < end; i++) hash = mix(hash, bytes[i]!)
  return recall(bytes, start, length, hash)
}
