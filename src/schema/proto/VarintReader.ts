/** Reads the integers of the wire form: varints of up to 64 bits, without losing a bit. */
import { WireProblem } from "./WireProblem.ts"

const scratch = new DataView(new ArrayBuffer(8))

/** The part of a `WireReader` that reads integers. @category models */
export class VarintReader {
  input: Uint8Array
  pos = 0
  end: number
  /** The lower 32 bits of the last varint. */
  protected low = 0
  /** Its upper 32 bits. */
  protected high = 0

  constructor(input: Uint8Array) {
    this.input = input
    this.end = input.length
  }

  /** The exception for something wrong at `at`. */
  problem(detail: string, at = this.pos): WireProblem {
    return new WireProblem(detail, at)
  }

  /** Reads a varint into `low` and `high`, its lower and upper 32 bits. */
  protected varint(): void {
    const { end, input } = this
    let at = this.pos
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw this.problem("the bytes end inside a number")
      const byte = input[at++]!
      const seven = byte & 0x7f
      if (shift < 28) low |= seven << shift
      else if (shift === 28) {
        low |= seven << 28
        high = seven >>> 4
      } else high |= seven << (shift - 32)
      if (byte < 0x80) {
        this.pos = at
        this.low = low
        this.high = high
        return
      }
    }
    throw this.problem("a number of more than 10 bytes")
  }

  /** The lower 32 bits of a varint, unsigned. */
  uint32(): number {
    return this.int32() >>> 0
  }

  /** The lower 32 bits of a varint, signed. */
  int32(): number {
    const at = this.pos
    if (at < this.end) {
      const first = this.input[at]!
      if (first < 0x80) {
        this.pos = at + 1
        return first
      }
    }
    this.varint()
    return this.low
  }

  bool(): boolean {
    const at = this.pos
    if (at < this.end) {
      const first = this.input[at]!
      if (first < 0x80) {
        this.pos = at + 1
        return first !== 0
      }
    }
    this.varint()
    return (this.low | this.high) !== 0
  }

  uint64(): bigint {
    this.varint()
    if (this.high === 0) return BigInt(this.low >>> 0)
    scratch.setInt32(0, this.high)
    scratch.setInt32(4, this.low)
    return scratch.getBigUint64(0)
  }

  int64(): bigint {
    this.varint()
    if (this.high === 0) return BigInt(this.low >>> 0)
    scratch.setInt32(0, this.high)
    scratch.setInt32(4, this.low)
    return scratch.getBigInt64(0)
  }

  /** A signed 64-bit integer as a number; one beyond ±2^53 is a problem. */
  int64Number(): number {
    const at = this.pos
    if (at < this.end) {
      const first = this.input[at]!
      if (first < 0x80) {
        this.pos = at + 1
        return first
      }
    }
    this.varint()
    const value = this.high * 4294967296 + (this.low >>> 0)
    if (!Number.isSafeInteger(value)) throw this.problem("an integer beyond 2^53", at)
    return value
  }

  /** An unsigned 64-bit integer as a number; one beyond 2^53 is a problem. */
  uint64Number(): number {
    const at = this.pos
    this.varint()
    const value = (this.high >>> 0) * 4294967296 + (this.low >>> 0)
    if (!Number.isSafeInteger(value)) throw this.problem("an integer beyond 2^53", at)
    return value
  }
}
