/**
 * Short ASCII strings that recur in every request (keys, tensor names, datatypes), made once.
 *
 * A direct-mapped table of fixed size: a new string replaces whatever had its place, so requests cannot make it grow.
 */

const slots = 1024
/** Longest string that is kept, in bytes. */
const longest = 32
const cache = new Array<string>(slots).fill("")

const hashOf = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = end - start
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return (hash ^ (hash >>> 15)) & (slots - 1)
}

/** The string of the ASCII bytes from `start` to `end`. @category constructors */
export const fromAscii = (bytes: Uint8Array, start: number, end: number): string => {
  const length = end - start
  if (length > longest) {
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("latin1")
  }
  const slot = hashOf(bytes, start, end)
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
