/**
 * Reads numbers into FP32 and FP64 tensors, each rounded exactly as `JSON.parse` (and `Math.fround` for FP32) would.
 *
 * The digits of a literal are collected in machine integers, four characters at a time: an integer part of up to nine, and of the
 * fraction two groups of eight and a rest. Then, cheapest first:
 *
 * - FP32 takes the product of doubles when every double within its error rounds to the same single;
 * - where the digits fit 53 bits and the power of ten is exact, one multiplication or division rounds once, and correctly (Clinger);
 * - FP64 adds the remainder of the division, when the error cannot reach the middle between two doubles.
 *
 * The few literals that are left are converted by the engine.
 */
import { digitsIn, four, partial, smallTens, tens, zeros } from "./Digits.ts"
import type { JsonScanner } from "./JsonScanner.ts"
import * as TensorFault from "./TensorFault.ts"

/** More than the fast path looks ahead from the start of a literal: closer to the end of the text it is not taken. */
const reach = 80
/** Eight units in the last place, relative: more than the error of any product below, which is at most four. */
const above = 1 + 2 ** -50
const below = 1 - 2 ** -50
const largestSingle = 3.4028234663852886e38
const splitter = 2 ** 27 + 1

/** 10^-64 to 10^64, each within half a unit in the last place. */
const scales = Float64Array.from({ length: 129 }, (_, i) => Number(`1e${i - 64}`))

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
    const words = scanner.dataView()
    const limit = out.length
    const safe = scanner.end - reach
    let i = scanner.pos
    let j = i
    let n = this.index
    for (;;) {
      if (n >= limit) throw TensorFault.tooMany()
      j = i
      let value = NaN
      let sign = 1
      scan: if (i < safe) {
        // 1 for a minus sign and 0 otherwise, without a branch that random signs would mispredict.
        const minus = ((bytes[j]! ^ 0x2d) - 1) >>> 31
        sign = 1 - 2 * minus
        j += minus
        let whole = bytes[j]! - 0x30
        if (whole >>> 0 > 9) break scan
        j++
        let c = bytes[j]!
        if ((c - 0x30) >>> 0 <= 9) {
          if (whole === 0) break scan
          const start = j
          do {
            if (j - start === 8) break scan
            whole = whole * 10 + c - 0x30
            c = bytes[++j]!
          } while ((c - 0x30) >>> 0 <= 9)
        }
        let first = 0
        let second = 0
        let third = 0
        // Digits behind those of `first`, and behind those of `second`.
        let afterFirst = 0
        let afterSecond = 0
        let exponent = 0
        let fraction = 0
        if (c === 0x2e) {
          const point = ++j
          if (whole === 0 && bytes[j] === 0x30) {
            while (bytes[++j] === 0x30) { if (j - point > 24) break scan }
          }
          const start = j
          let word = words.getInt32(j, true) ^ zeros
          let count = digitsIn(word)
          if (count === 4) {
            first = four(word)
            j += 4
            word = words.getInt32(j, true) ^ zeros
            count = digitsIn(word)
            if (count === 4) {
              first = first * 10000 + four(word)
              j += 4
              word = words.getInt32(j, true) ^ zeros
              count = digitsIn(word)
              if (count === 4) {
                second = four(word)
                j += 4
                word = words.getInt32(j, true) ^ zeros
                count = digitsIn(word)
                if (count === 4) {
                  second = second * 10000 + four(word)
                  j += 4
                  word = words.getInt32(j, true) ^ zeros
                  count = digitsIn(word)
                  if (count === 4) break scan
                  third = partial(word, count)
                  afterSecond = count
                  afterFirst = 8 + count
                } else {
                  second = Math.imul(second, smallTens[count]!) + partial(word, count)
                  afterFirst = 4 + count
                }
              } else {
                second = partial(word, count)
                afterFirst = count
              }
            } else first = Math.imul(first, smallTens[count]!) + partial(word, count)
          } else first = partial(word, count)
          j += count
          if (j === point) break scan
          fraction = j - start
          exponent = point - j
          c = bytes[j]!
        }
        if ((c | 0x20) === 0x65) {
          c = bytes[++j]!
          const negative = c === 0x2d
          if (negative || c === 0x2b) j++
          let digit = bytes[j]! - 0x30
          if (digit >>> 0 > 9) break scan
          let written = digit
          digit = bytes[++j]! - 0x30
          if (digit >>> 0 <= 9) {
            written = written * 10 + digit
            if ((bytes[++j]! - 0x30) >>> 0 <= 9) break scan
          }
          exponent += negative ? -written : written
        }
        const rest = second * tens[afterSecond]! + third
        const part = first * tens[afterFirst]! + rest
        const digits = whole === 0 ? part : whole * tens[fraction]! + part
        if (isSingle && exponent >= -64 && exponent <= 64) {
          value = digits * scales[exponent + 64]!
          if (Math.fround(value * above) === Math.fround(value * below)) break scan
          value = NaN
        }
        if (exponent < -22 || exponent > 22) break scan
        if (digits <= 9007199254740992) {
          value = exponent < 0 ? digits / tens[-exponent]! : digits * tens[exponent]!
        } else if (!isSingle && exponent <= 0 && afterSecond <= 2) {
          value = this.divide(whole, first, rest, part, fraction, afterFirst, -exponent)
        }
      }
      if (value !== value) {
        scanner.pos = i
        value = this.slow(scanner)
        sign = 1
        j = scanner.pos
      }
      if (isSingle && Math.abs(Math.fround(value)) > largestSingle && Number.isFinite(value)) {
        throw TensorFault.outOfRange(this.name, n, "FP32")
      }
      out[n++] = value * sign
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

  /**
   * The digits over 10^k. They are split into a sum of two doubles: products of an integer and a power of ten are exact as long as they stay
   * below 10^18 and have a factor of 2^7, or stay below 2^53.
   */
  private divide(
    whole: number,
    first: number,
    rest: number,
    part: number,
    fraction: number,
    afterFirst: number,
    k: number
  ): number {
    let high = first * tens[afterFirst]!
    let low = rest
    if (whole !== 0) {
      if (whole * tens[fraction]! >= 1e18) return NaN
      if (fraction <= 15) {
        high = whole * tens[fraction]!
        low = part
      } else high += whole * tens[fraction]!
    }
    const sum = high + low
    return divide(sum, low - (sum - high), k)
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
