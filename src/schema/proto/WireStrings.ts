/** Strings out of UTF-8 bytes. */
import { longest, mix, recall, seed } from "../ShortStrings.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The string of the UTF-8 bytes from `start` to `end`, `undefined` where they are not UTF-8. @category constructors */
export const fromUtf8 = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const length = end - start
  if (length === 0) return ""
  if (length <= longest) {
    let hash = seed(length)
    let all = 0
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      all |= byte
      hash = mix(hash, byte)
    }
    if (all < 0x80) return recall(bytes, start, length, hash)
  }
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}
