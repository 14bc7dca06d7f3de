/**
 * Short ASCII strings that recur in every request (names, keys, versions, datatypes), made once.
 *
 * A direct-mapped table of fixed size: a new string replaces whatever had its place, so requests cannot make it grow.
 */

const slots = 1024
const table = new Array<string>(slots).fill("")

/** Longest string that is kept, in bytes. @category models */
export const longest = 32

/** What {@link mix} begins with, for a string of so many bytes. @category constructors */
export const seed = (length: number): number => length

/** Takes one more byte into the hash of a string. @category combinators */
export const mix = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193)

/** The string of `length` ASCII bytes from `start`, at most `longest`; `hash` is that of all its bytes. @category constructors */
export const recall = (bytes: Uint8Array, start: number, length: number, hash: number): string => {
  const slot = (hash ^ (hash >>> 15)) & (slots - 1)
  const found = table[slot]!
  if (found.length === length) {
    let i = 0
    while (i < length && found.charCodeAt(i) === bytes[start + i]) i++
    if (i === length) return found
  }
  let made = ""
  for (let i = start; i < start + length; i++) made += String.fromCharCode(bytes[i]!)
  table[slot] = made
  return made
}
