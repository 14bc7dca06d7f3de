/**
 * Reads numbers into FP32 and FP64 tensors, each rounded exactly as `JSON.parse` (and `Math.fround` for FP32) would.
 *
 * A literal of up to 18 significant digits is split into two integers of nine, so that digits are collected in machine
 * integers. Where the digits fit 53 bits and the power of ten is exact, one multiplication or division rounds once, and correctly (Clinger).
 * Otherwise FP32 takes the quotient of doubles when every double within its error rounds to the same single, and FP64 adds the
 * remainder of the division and takes the sum when the error cannot reach the middle between two doubles. The few literals that
 * are left are converted by the engine.
 */
import type { JsonScanner } from "./JsonScanner.ts"
import { tens } from "./Powers.ts"
import * as TensorFault from "./TensorFault.ts"

/** Longest literal that the fast path reads: closer to the end of the text than this it is not taken. */
const reach = 64
/** Four units in the last place, relative: more than the error of two inexact operands and three roundings. */
const above = 1 + 2 ** -50
const below = 1 - 2 ** -50
const largestSingle = 3.4028234663852886e38
const splitter = 2 ** 27 + 1

/** Upper and lower halves of the exact powers of ten, so that products of halves are exact. */
const tenHigh = tens.map((ten) => {
  const t = splitter * ten
  return t - (t - ten)
})
const tenLow = tens.map((ten, k) => ten - tenHigh[k]!)

/** `(high + low) / 10^k` correctly rounded, or NaN where that cannot be told; `high` is the rounded sum of both. */
const divide = (high: number, low: number, k: number): number => {
  const ten = tens[k]!
  const quotient = high / ten
  const t = splitter * quotient
  const upper = t - (t - quotient)
  const lower = quotient - upper
  const product = quotient * ten
  const th = tenHigh[k]!
  const tl = tenLow[k]!
  const error = ((upper * th - product) + upper * tl + lower * th) + lower * tl
  const correction = ((high - product) - error + low) / ten
  const sum = quotient + correction
  const rest = correction - (sum - quotient)
  return sum + rest * 1.0000001 === sum ? sum : NaN
}

/** @internal */
export class FloatCell {
  index = 0
  private readonly name: string
  private readonly out: Float32Array | Float64Array
  private readonly isSingle: boolean
  constructor(name: string, out: Float32Array | Float64Array) {
    this.name = name
    this.out = out
    this.isSingle = out.BYTES_PER_ELEMENT === 4
  }

  run(scanner: JsonScanner): void {
    const { isSingle, out } = this
    const { bytes } = scanner
    const limit = out.length
    const safe = scanner.end - reach
    let i = scanner.pos
    let j = i
    let n = this.index
    for (;;) {
      if (n >= limit) throw TensorFault.tooMany()
      j = i
      let value = NaN
      let negative = false
      scan: if (i < safe) {
        let c = bytes[j]!
        if (c === 0x2d) {
          negative = true
          c = bytes[++j]!
        }
        let digit = c - 0x30
        if (digit >>> 0 > 9) break scan
        j++
        let first = digit
        let room = 9
        if (digit === 0) {
          if ((bytes[j]! - 0x30) >>> 0 <= 9) break scan
        } else {
          room = 8
          while ((digit = bytes[j]! - 0x30) >>> 0 <= 9) {
            if (room-- === 0) break scan
            first = first * 10 + digit
            j++
          }
        }
        let second = 0
        let secondDigits = 0
        let exponent = 0
        if (bytes[j] === 0x2e) {
          const point = ++j
          if ((bytes[j]! - 0x30) >>> 0 > 9) break scan
          if (first === 0) {
            while (bytes[j] === 0x30) { if (++j - point > 20) break scan }
          }
          while (room > 0 && (digit = bytes[j]! - 0x30) >>> 0 <= 9) {
            first = first * 10 + digit
            j++
            room--
          }
          if (room === 0) {
            const start = j
            while ((digit = bytes[j]! - 0x30) >>> 0 <= 9) {
              if (j - start === 9) break scan
              second = second * 10 + digit
              j++
            }
            secondDigits = j - start
          }
          exponent = point - j
        }
        if ((bytes[j]! | 0x20) === 0x65) {
          c = bytes[++j]!
          const minus = c === 0x2d
          if (minus || c === 0x2b) j++
          digit = bytes[j]! - 0x30
          if (digit >>> 0 > 9) break scan
          let written = digit
          digit = bytes[++j]! - 0x30
          if (digit >>> 0 <= 9) {
            written = written * 10 + digit
            if ((bytes[++j]! - 0x30) >>> 0 <= 9) break scan
          }
          exponent += minus ? -written : written
        }
        // The product is exact: the first factor has 30 bits, the second 21 and trailing zeros.
        const scaled = first * tens[secondDigits]!
        const digits = scaled + second
        if (digits === 0) {
          value = 0
        } else if (digits <= 9007199254740992 && exponent >= -22 && exponent <= 22) {
          value = exponent < 0 ? digits / tens[-exponent]! : digits * tens[exponent]!
        } else if (isSingle) {
          const quotient = exponent >= 0
            ? exponent <= 22 ? digits * tens[exponent]! : NaN
            : exponent >= -22
            ? digits / tens[-exponent]!
            : exponent >= -44
            ? digits / tens[22]! / tens[-exponent - 22]!
            : NaN
          if (Math.fround(quotient * above) === Math.fround(quotient * below)) value = quotient
        } else if (exponent <= 0 && exponent >= -22) {
          value = divide(digits, second - (digits - scaled), -exponent)
        }
      }
      if (value !== value) {
        scanner.pos = i
        value = this.slow(scanner)
        negative = false
        j = scanner.pos
      }
      if (isSingle && Math.abs(Math.fround(value)) > largestSingle && Number.isFinite(value)) {
        throw TensorFault.outOfRange(this.name, n, "FP32")
      }
      out[n++] = negative ? -value : value
      if (bytes[j] !== 0x2c || j >= safe) break
      let k = j + 1
      if (bytes[k] === 0x20) k++
      const c = bytes[k]!
      if ((c - 0x30) >>> 0 > 9 && c !== 0x2d) break
      i = k
    }
    scanner.pos = j
    this.index = n
  }

  private slow(scanner: JsonScanner): number {
    const c = scanner.peek()
    if (c === 0x22 || c === 0x74 || c === 0x66 || c === 0x6e || c === 0x5b || c === 0x7b) {
      throw TensorFault.wrongKind("number", "double")
    }
    return scanner.number()
  }
}

/** A cell that writes FP32 into `out`, which is aligned to 4 bytes. @internal */
export const single = (name: string, out: Uint8Array): FloatCell =>
  new FloatCell(name, new Float32Array(out.buffer, out.byteOffset, out.byteLength >>> 2))

/** A cell that writes FP64 into `out`, which is aligned to 8 bytes. @internal */
export const double = (name: string, out: Uint8Array): FloatCell =>
  new FloatCell(name, new Float64Array(out.buffer, out.byteOffset, out.byteLength >>> 3))
