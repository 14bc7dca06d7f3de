/** Reads integer literals into tensors of 8 to 64 bits, exactly, and refuses what the datatype cannot hold. */
import type { DataType } from "../../../../schema/DataType.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import type { JsonScanner } from "./JsonScanner.ts"
import { tens } from "./Digits.ts"
import * as TensorFault from "./TensorFault.ts"

/** Longest literal that the fast path reads, and what may stand behind it: closer to the end it is not taken. */
const reach = 32
const two32 = 4294967296

/** @internal */
export class IntegerCell {
  index = 0
  private readonly name: string
  private readonly datatype: DataType
  private readonly view: DataView
  private readonly size: number
  private readonly lowest: number
  private readonly highest: number
  constructor(name: string, datatype: DataType, out: Uint8Array) {
    this.name = name
    this.datatype = datatype
    this.view = new DataView(out.buffer, out.byteOffset, out.byteLength)
    this.size = byteSize(datatype)
    const bits = this.size * 8
    const signed = datatype.startsWith("INT")
    this.lowest = signed ? -(2 ** (bits - 1)) : 0
    this.highest = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1
  }

  run(scanner: JsonScanner): void {
    const { highest, lowest, size, view } = this
    const { bytes } = scanner
    const limit = view.byteLength
    const safe = scanner.end - reach
    let i = scanner.pos
    let j = i
    let n = this.index * size
    for (;;) {
      if (n >= limit) throw TensorFault.tooMany()
      j = i
      let done = false
      scan: if (i < safe) {
        const negative = bytes[j] === 0x2d
        if (negative) j++
        let first = bytes[j]! - 0x30
        if (first >>> 0 > 9) break scan
        let room = first === 0 ? 0 : 8
        let digit = 0
        j++
        while (room > 0 && (digit = bytes[j]! - 0x30) >>> 0 <= 9) {
          first = first * 10 + digit
          j++
          room--
        }
        let second = 0
        const start = j
        if (first > 99999999) {
          while ((digit = bytes[j]! - 0x30) >>> 0 <= 9) {
            if (j - start === 9) break scan
            second = second * 10 + digit
            j++
          }
        }
        // Whatever stands behind the digits of an integer in an array that goes on: all else is left to the slow path.
        const c = bytes[j]!
        if (c !== 0x2c && c !== 0x5d && c !== 0x20 && c !== 0x0a && c !== 0x0d) break scan
        // Exact: the factors have 30 and 21 bits, and trailing zeros.
        const scaled = first * tens[j - start]!
        if (size === 8) {
          if (negative && lowest === 0 && first !== 0) throw this.outOfRange(n)
          let high = Math.floor(scaled / two32)
          let low = scaled - high * two32 + second
          if (low >= two32) {
            low -= two32
            high++
          }
          if (negative) {
            high = low === 0 ? -high : ~high
            low = -low
          }
          view.setInt32(n, low | 0, true)
          view.setInt32(n + 4, high, true)
        } else {
          const value = negative ? -(scaled + second) : scaled + second
          if (value < lowest || value > highest) throw this.outOfRange(n)
          if (size === 4) view.setInt32(n, value | 0, true)
          else if (size === 2) view.setInt16(n, value, true)
          else view.setInt8(n, value)
        }
        done = true
      }
      if (!done) {
        scanner.pos = i
        this.slow(scanner, n)
        j = scanner.pos
      }
      n += size
      if (bytes[j] !== 0x2c || j >= safe) break
      let k = j + 1
      if (bytes[k] === 0x20) k++
      const c = bytes[k]!
      if ((c - 0x30) >>> 0 > 9 && c !== 0x2d) break
      i = k
    }
    scanner.pos = j
    this.index = n / size
  }

  private outOfRange(offset: number): Error {
    return TensorFault.outOfRange(this.name, offset / this.size, this.datatype)
  }

  private slow(scanner: JsonScanner, offset: number): void {
    const kind = this.lowest === 0 ? "unsigned-integer" : "signed-integer"
    const c = scanner.peek()
    if (c !== 0x2d && (c - 0x30) >>> 0 > 9) throw TensorFault.wrongKind(kind, kind)
    const start = scanner.pos
    const double = scanner.number()
    if (!scanner.integral) throw TensorFault.wrongKind(kind, kind)
    // Twenty digits and a sign hold every 64-bit integer; the check also bounds what becomes a bigint.
    if (scanner.pos - start > 21) throw this.outOfRange(offset)
    const value = BigInt(scanner.ascii(start, scanner.pos))
    const { size, view } = this
    const signed = this.lowest !== 0
    if (value !== (signed ? BigInt.asIntN(size * 8, value) : BigInt.asUintN(size * 8, value))) {
      throw this.outOfRange(offset)
    }
    if (size === 8) view.setBigInt64(offset, value, true)
    else if (size === 4) view.setInt32(offset, double | 0, true)
    else if (size === 2) view.setInt16(offset, double, true)
    else view.setInt8(offset, double)
  }
}

/** @internal */
export const make = (name: string, datatype: DataType, out: Uint8Array): IntegerCell =>
  new IntegerCell(name, datatype, out)
