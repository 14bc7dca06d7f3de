/** Lists of varints as the little-endian elements of a tensor. */
import type { DataType } from "../../../../../../schema/DataType.ts"

/** Where the numbers go, one behind the other. @internal */
export interface NumberView {
  /** Reads the varints between two places, which were seen to be whole. */
  put(bytes: Uint8Array, start: number, end: number): void
}

type Narrow = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array

/** Elements of up to 32 bits: the lower bits of each number. */
class NarrowView implements NumberView {
  private readonly target: Narrow
  private at = 0

  constructor(target: Narrow) {
    this.target = target
  }

  put(bytes: Uint8Array, start: number, end: number): void {
    const { target } = this
    let { at } = this
    let pos = start
    while (pos < end) {
      let byte = bytes[pos++]!
      let value = byte & 0x7f
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[pos++]!
        if (shift < 32) value |= (byte & 0x7f) << shift
      }
      target[at++] = value
    }
    this.at = at
  }
}

/** Bytes of 0 and 1. */
class BooleanView implements NumberView {
  private readonly target: Uint8Array
  private at = 0

  constructor(target: Uint8Array) {
    this.target = target
  }

  put(bytes: Uint8Array, start: number, end: number): void {
    let pos = start
    while (pos < end) {
      let byte = bytes[pos++]!
      let any = byte & 0x7f
      while (byte >= 0x80) {
        byte = bytes[pos++]!
        any |= byte & 0x7f
      }
      this.target[this.at++] = any === 0 ? 0 : 1
    }
  }
}

/** Elements of 64 bits, as their lower and upper halves. */
class WideView implements NumberView {
  private readonly halves: Uint32Array
  private at = 0

  constructor(halves: Uint32Array) {
    this.halves = halves
  }

  put(bytes: Uint8Array, start: number, end: number): void {
    const { halves } = this
    let { at } = this
    let pos = start
    while (pos < end) {
      let byte = bytes[pos++]!
      let low = byte & 0x7f
      let high = 0
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[pos++]!
        const seven = byte & 0x7f
        if (shift < 28) low |= seven << shift
        else if (shift === 28) {
          low |= seven << 28
          high = seven >>> 4
        } else high |= seven << (shift - 32)
      }
      halves[at++] = low
      halves[at++] = high
    }
    this.at = at
  }
}

type Make = (target: Uint8Array, count: number) => NumberView

const narrow = <View extends Narrow>(
  Type: new(buffer: ArrayBufferLike, byteOffset: number, length: number) => View
): Make =>
(target, count) => new NarrowView(new Type(target.buffer, target.byteOffset, count))

const wide: Make = (target, count) => new WideView(new Uint32Array(target.buffer, target.byteOffset, 2 * count))

/** Makes the view of the elements of a datatype; those whose elements are no varints are absent. @internal */
export const littleEndianVarints: Readonly<Partial<Record<DataType, Make>>> = {
  BOOL: (target) => new BooleanView(target),
  INT8: narrow(Int8Array),
  INT16: narrow(Int16Array),
  INT32: narrow(Int32Array),
  UINT8: narrow(Uint8Array),
  UINT16: narrow(Uint16Array),
  UINT32: narrow(Uint32Array),
  INT64: wide,
  UINT64: wide
}
