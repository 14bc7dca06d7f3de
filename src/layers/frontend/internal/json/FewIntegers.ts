/**
 * Reads short flat arrays of small integers, as tensors in JSON mostly are. For a few of them the way into the memory of a kernel and
 * back takes longer than the numbers.
 */

/** Numbers up to which an array has few. @internal */
export const most = 64

/**
 * Reads the array at `start`, of integers of up to nine digits from `lowest` to `highest`, into all of `out`, little-endian, `size` bytes
 * each. The place behind the array; −1: it is anything else, and what `out` holds is void.
 *
 * @internal
 */
export const read = (
  bytes: Uint8Array,
  start: number,
  end: number,
  size: number,
  lowest: number,
  highest: number,
  out: Uint8Array
): number => {
  const { length } = out
  let at = 0
  let i = start + 1
  for (;;) {
    if (i < end && bytes[i] === 0x20) i++
    const isNegative = i < end && bytes[i] === 0x2d
    if (isNegative) i++
    const first = i
    let value = 0
    for (; i < end; i++) {
      const digit = bytes[i]! - 0x30
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const digits = i - first
    if (i === end || digits === 0 || digits > 9 || (digits > 1 && bytes[first] === 0x30)) return -1
    if (isNegative) value = -value
    if (value < lowest || value > highest || at === length) return -1
    out[at] = value
    if (size > 1) {
      out[at + 1] = value >> 8
      if (size > 2) {
        out[at + 2] = value >> 16
        out[at + 3] = value >> 24
        if (size > 4) {
          out[at + 4] =
            out[at + 5] =
            out[at + 6] =
            out[at + 7] =
              value >> 31
        }
      }
    }
    at += size
    const c = bytes[i++]
    if (c === 0x2c) continue
    return c === 0x5d && at === length ? i : -1
  }
}
