/**
 * Decimal digits four at a time: a little-endian word of four characters holds the first digit in its lowest byte.
 */

/** Powers of ten that a double holds exactly: 10^0 to 10^22. @internal */
export const tens = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/** 10^0 to 10^4, as integers. @internal */
export const smallTens = Int32Array.of(1, 10, 100, 1000, 10000)

/** Takes characters to digits; {@link digitsIn}, {@link four} and {@link partial} work on the result. @internal */
export const zeros = 0x30303030

/** How many digits come first in a word: 0 to 4. A carry out of a byte that is no digit reaches only bytes behind it. @internal */
export const digitsIn = (word: number): number => {
  const others = ((word + 0x76767676) | word) & -0x7f7f7f80
  return others === 0 ? 4 : (31 - Math.clz32(others & -others)) >> 3
}

/** The value of a word of four digits. @internal */
export const four = (word: number): number => {
  const pairs = (Math.imul(word, 10) + (word >>> 8)) | 0
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff)
}

/** The value of the first `count` digits of a word, of which there are fewer than four. @internal */
export const partial = (word: number, count: number): number => count === 0 ? 0 : four(word << (32 - (count << 3)))
