/** Decimal text of doubles with exactly six digits after the point, by the rules of C's `printf("%f")`. */

const bits = new DataView(new ArrayBuffer(8))
const million = 1_000_000n

/**
 * Rounds the exact value of the double half to even; -0 keeps its sign, great magnitudes print every digit, NaN and the
 * infinities print as `nan`, `inf` and `-inf`.
 */
export const formatFixed6 = (value: number): string => {
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  const sign = raw >> 63n === 1n ? "-" : ""
  if (value !== value) return "nan"
  if (value === Infinity || value === -Infinity) return `${sign}inf`
  const exponent = Number((raw >> 52n) & 0x7ffn)
  const fraction = raw & 0xfffffffffffffn
  // |value| = mantissa * 2^shift, exactly
  const mantissa = exponent === 0 ? fraction : fraction | 0x10000000000000n
  const shift = (exponent === 0 ? 1 : exponent) - 1075
  const scaled = mantissa * million
  const micros = shift >= 0 ? scaled << BigInt(shift) : roundedShift(scaled, BigInt(-shift))
  return `${sign}${micros / million}.${String(micros % million).padStart(6, "0")}`
}

const roundedShift = (value: bigint, by: bigint): bigint => {
  const quotient = value >> by
  const rest = value - (quotient << by)
  const half = 1n << (by - 1n)
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient
}
