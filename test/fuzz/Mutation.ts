/** Small changes of inputs, by a generator whose seed repeats them. */

/** Numbers at which something often happens. */
const edges = [0, 1, 127, 128, 255, 256, 32_767, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
/** Texts that mean something to one reader or another. */
const words = "{ } [ ] \" , : < > \\ # -0 -1 1e400 NaN Infinity null true \\ud800 \\u0000 9223372036854775808 0x7f"
  .split(" ")
  .concat("\n", "\0", "\r\n")

/** @category models */
export class Mutation {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0 || 1
  }

  /** An integer below `limit`. */
  below(limit: number): number {
    // xorshift32
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return (this.state >>> 0) % Math.max(1, limit)
  }

  pick<A>(list: ReadonlyArray<A>): A {
    return list[this.below(list.length)]!
  }

  /** A changed copy of an input, with parts of another. */
  changed(input: Uint8Array, other: Uint8Array, maxBytes: number): Uint8Array {
    let bytes = Buffer.from(input)
    for (let changes = 1 + this.below(5); changes > 0; changes--) bytes = this.once(bytes, other)
    return new Uint8Array(bytes.subarray(0, maxBytes))
  }

  private once(bytes: Buffer<ArrayBuffer>, other: Uint8Array): Buffer<ArrayBuffer> {
    const at = this.below(bytes.length + 1)
    switch (this.below(9)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << this.below(8)
        return bytes
      case 1:
        if (at < bytes.length) bytes[at] = this.below(256)
        return bytes
      case 2:
        return splice(bytes, at, 0, Buffer.of(this.below(256)))
      case 3:
        return splice(bytes, at, 1 + this.below(8), Buffer.alloc(0))
      case 4:
        return splice(bytes, at, 0, bytes.subarray(at, at + 1 + this.below(32)))
      case 5:
        return splice(bytes, at, this.below(3), Buffer.from(this.pick(words)))
      case 6:
        return splice(bytes, at, 1, this.number())
      case 7: {
        const from = this.below(other.length)
        return splice(bytes, at, this.below(16), Buffer.from(other.subarray(from, from + 1 + this.below(32))))
      }
      default:
        return bytes.subarray(0, at)
    }
  }

  private number(): Buffer<ArrayBuffer> {
    const value = this.pick(edges)
    const bytes = Buffer.alloc(4)
    if (this.below(2) === 0) bytes.writeUInt32LE(value)
    else bytes.writeUInt32BE(value)
    return bytes.subarray(0, 1 + this.below(4))
  }
}

const splice = (
  bytes: Buffer<ArrayBuffer>,
  at: number,
  removed: number,
  put: Buffer<ArrayBuffer>
): Buffer<ArrayBuffer> => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)])
