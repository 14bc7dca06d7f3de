/**
 * Strings out of UTF-8 bytes. Short ASCII ones recur in every request (names, versions, datatypes) and are made once.
 *
 * The table is direct-mapped and of fixed size: a new string replaces whatever had its place, so requests cannot make it grow.
 */

const slots = 1024
/** Longest string that is kept, in bytes. */
const longest = 32
const cache = new Array<string>(slots).fill("")
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The string of the UTF-8 bytes from `start` to `end`, `undefined` where they are not UTF-8. @category constructors */
export const fromUtf8 = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const length = end - start
  if (length === 0) return ""
  if (length <= longest) {
    let hash = length
    let all = 0
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      all |= byte
      hash = Math.imul(hash ^ byte, 0x01000193)
    }
    if (all < 0x80) {
      const slot = (hash ^ (hash >>> 15)) & (slots - 1)
      const found = cache[slot]!
      if (found.length === length) {
        let i = 0
        while (i < length && found.charCodeAt(i) === bytes[start + i]) i++
        if (i === length) return found
      }
      let made = ""
      for (let i = start; i < end; i++) made += String.fromCharCode(bytes[i]!)
      cache[slot] = made
      return made
    }
  }
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}
