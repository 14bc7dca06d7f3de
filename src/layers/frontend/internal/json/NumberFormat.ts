/** Numbers as Triton's JSON writer prints them. Source: protocol.md 2.4. */

/** Writes `text` into `out` at `offset` and gives the offset after it. */
const put = (text: string, out: Uint8Array, offset: number): number => {
  let o = offset
  for (let i = 0; i < text.length; i++) out[o++] = text.charCodeAt(i)
  return o
}

/**
 * Writes a double into `out` at `offset`, where 32 bytes are free, and gives the offset after it: the shortest digits that
 * read back the same, `.0` behind integral values, exponents without a plus sign, `NaN`, `Infinity`, `-Infinity`.
 *
 * @internal
 */
export const formatDouble = (value: number, out: Uint8Array, offset: number): number => {
  if (value === 0) return put(Object.is(value, -0) ? "-0.0" : "0.0", out, offset)
  const text = String(value)
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return put(".0", out, put(text, out, offset))
  const plus = text.indexOf("e+")
  return put(plus < 0 ? text : text.slice(0, plus + 1) + text.slice(plus + 2), out, offset)
}
