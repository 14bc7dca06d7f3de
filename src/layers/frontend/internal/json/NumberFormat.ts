/** Numbers as Triton's JSON writer prints them. Source: protocol.md 2.4. */

/**
 * Writes a double into `out` at `offset`, where 32 bytes are free, and gives the offset after it: the shortest digits that
 * read back the same, `.0` behind integral values, exponents without a plus sign, `NaN`, `Infinity`, `-Infinity`.
 *
 * @internal
 */
export const formatDouble = (value: number, out: Uint8Array, offset: number): number => {
  const text = Object.is(value, -0) ? "-0" : String(value)
  let o = offset
  let integral = value - value === 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x2b) continue
    if (c === 0x2e || c === 0x65) integral = false
    out[o++] = c
  }
  if (integral) {
    out[o++] = 0x2e
    out[o++] = 0x30
  }
  return o
}
