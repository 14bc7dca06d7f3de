/**
 * The memory of the kernels: a window of text, the numbers that are made of it, and tables of powers of ten.
 */

/** Bytes of text that a window holds, and how far beyond it a kernel may look. @internal */
export const windowSize = 65536
/** @internal */
export const lookAhead = 256

/** Addresses: tables of doubles, of their halves, and of integers; then the text; then the numbers. @internal */
export const tens = 0
/** @internal */
export const scales = 256
/** @internal */
export const tensUpper = 1536
/** @internal */
export const tensLower = 1792
/** @internal */
export const integerTens = 2048
/** @internal */
export const integerLimits = 2176
/** @internal */
export const input = 4096
/** @internal */
export const output = input + windowSize + 2 * lookAhead
/** @internal */
export const pages = Math.ceil((output + windowSize * 4) / 65536)

/** Largest exponent of ten for which the product is tried. @internal */
export const widest = 64
/** @internal */
export const splitter = 2 ** 27 + 1

/** Fills the tables. @internal */
export const fillTables = (memory: ArrayBuffer): void => {
  const view = new DataView(memory)
  for (let k = 0; k <= 22; k++) {
    const ten = Number(`1e${k}`)
    // Halves of 26 bits, so that products of halves are exact.
    const upper = splitter * ten - (splitter * ten - ten)
    view.setFloat64(tens + k * 8, ten, true)
    view.setFloat64(tensUpper + k * 8, upper, true)
    view.setFloat64(tensLower + k * 8, ten - upper, true)
  }
  for (let k = -widest; k <= widest; k++) view.setFloat64(scales + (k + widest) * 8, Number(`1e${k}`), true)
  for (let k = 0n; k <= 8n; k++) {
    view.setBigInt64(integerTens + Number(k) * 8, 10n ** k, true)
    // What may be multiplied by 10^k, with k digits added, and still converts to a double below 2^63.
    view.setBigInt64(integerLimits + Number(k) * 8, (2n ** 63n - 4096n) / 10n ** k - 2n, true)
  }
}
