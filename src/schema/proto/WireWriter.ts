/**
 * Writes protobuf messages front to back: fields one after the other, nested messages between `begin` and `end`.
 *
 * Small things go into a chunk that many messages share; a large `bytes` value is never copied but becomes a part of its own.
 * So a message is a list of parts, which the receiver writes one after the other. They belong to the receiver; a part that
 * was not copied is the very view that was given.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */

/** What a writer may be told. @category models */
export interface WireWriterOptions {
  /** From so many bytes on, a `bytes` value is not copied. Default 4096. */
  readonly spliceFrom?: number
}

/** A finished message. @category models */
export interface WireParts {
  readonly parts: ReadonlyArray<Uint8Array>
  /** Bytes of all parts together. */
  readonly byteLength: number
}

/** A value that was not copied, and where in the chunk it belongs. */
interface Splice {
  at: number
  readonly bytes: Uint8Array
}

const chunkSize = 16384
const encoder = new TextEncoder()
const scratch = new DataView(new ArrayBuffer(8))

const utf8Length = (text: string): number => {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) length++
    else if (code < 0x800) length += 2
    else if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length += 4
      i++
    } else length += 3
  }
  return length
}

/** @category models */
export class WireWriter {
  private readonly spliceFrom: number
  private chunk = new Uint8Array(0)
  private view: DataView | undefined
  /** Where the message begins in the chunk. */
  private start = 0
  private pos = 0
  private splices: Array<Splice> = []
  private spliced = 0
  /** For each open message: the place of its length, and the spliced bytes before it. */
  private readonly open: Array<number> = []

  constructor(options?: WireWriterOptions) {
    this.spliceFrom = options?.spliceFrom ?? 4096
  }

  /** Makes room for so many bytes more. The message moves to a new chunk where this one is full. */
  private room(size: number): void {
    if (this.pos + size <= this.chunk.length) return
    const written = this.pos - this.start
    const shift = this.start
    const chunk = new Uint8Array(Math.max(chunkSize, 2 * (written + size)))
    chunk.set(this.chunk.subarray(this.start, this.pos))
    this.chunk = chunk
    this.view = undefined
    this.start = 0
    this.pos = written
    for (const splice of this.splices) splice.at -= shift
    for (let i = 0; i < this.open.length; i += 2) this.open[i]! -= shift
  }

  /** A tag: field number times 8 plus wire type; also any other unsigned number of 32 bits. */
  uint32(value: number): void {
    this.room(5)
    while (value > 0x7f) {
      this.chunk[this.pos++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.chunk[this.pos++] = value
  }

  /** A signed number of 32 bits: ten bytes when negative. */
  int32(value: number): void {
    if (value >= 0) this.uint32(value)
    else this.varint(value | 0, -1)
  }

  bool(value: boolean): void {
    this.room(1)
    this.chunk[this.pos++] = value ? 1 : 0
  }

  private varint(low: number, high: number): void {
    this.room(10)
    while (high !== 0) {
      this.chunk[this.pos++] = (low & 0x7f) | 0x80
      low = (low >>> 7) | (high << 25)
      high >>>= 7
    }
    this.uint32(low >>> 0)
  }

  /** A signed or unsigned 64-bit integer; beyond 64 bits it wraps. */
  int64(value: bigint): void {
    scratch.setBigInt64(0, value)
    this.varint(scratch.getInt32(4), scratch.getInt32(0))
  }

  /** A 64-bit integer given as a safe integer. */
  int64Number(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.room(1)
      this.chunk[this.pos++] = value
    } else this.varint(value | 0, Math.floor(value / 4294967296) | 0)
  }

  /** An unsigned integer of 64 bits in eight bytes. */
  fixed64(value: bigint): void {
    this.room(8)
    this.view ??= new DataView(this.chunk.buffer)
    this.view.setBigUint64(this.pos, value, true)
    this.pos += 8
  }

  float(value: number): void {
    this.room(4)
    this.view ??= new DataView(this.chunk.buffer)
    this.view.setFloat32(this.pos, value, true)
    this.pos += 4
  }

  double(value: number): void {
    this.room(8)
    this.view ??= new DataView(this.chunk.buffer)
    this.view.setFloat64(this.pos, value, true)
    this.pos += 8
  }

  /** Length and UTF-8 bytes. Half of a surrogate pair becomes U+FFFD, as UTF-8 cannot hold it. */
  string(text: string): void {
    const { length } = text
    if (length < 0x80) {
      this.room(length + 1)
      const { chunk } = this
      let at = this.pos
      chunk[at++] = length
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 0x7f) break
        chunk[at++] = code
      }
      if (i === length) {
        this.pos = at
        return
      }
    }
    const size = utf8Length(text)
    this.uint32(size)
    this.room(size)
    encoder.encodeInto(text, this.chunk.subarray(this.pos, this.pos + size))
    this.pos += size
  }

  /** Length and bytes; large ones become a part of their own. */
  bytes(value: Uint8Array): void {
    this.uint32(value.length)
    if (value.length >= this.spliceFrom) {
      this.splices.push({ at: this.pos, bytes: value })
      this.spliced += value.length
      return
    }
    this.room(value.length)
    this.chunk.set(value, this.pos)
    this.pos += value.length
  }

  /** Begins a nested message, or a packed list, after its tag. */
  begin(): void {
    this.room(1)
    this.open.push(this.pos, this.spliced)
    this.pos++
  }

  /** Ends what was begun last: writes its length before it. */
  end(): void {
    const spliced = this.spliced - this.open.pop()!
    const written = this.pos - this.open.pop()! - 1
    let length = written + spliced
    if (length >= 0x80) this.widen(written, length)
    let at = this.pos - written - 1
    for (let rest = length >>> 7; rest !== 0; rest >>>= 7) at--
    for (; length > 0x7f; length >>>= 7) this.chunk[at++] = (length & 0x7f) | 0x80
    this.chunk[at] = length
  }

  /** Moves the last bytes of the chunk up, for a length that takes more than the one byte that was left for it. */
  private widen(written: number, length: number): void {
    let extra = 0
    for (let rest = length >>> 7; rest !== 0; rest >>>= 7) extra++
    this.room(extra)
    const from = this.pos - written
    this.chunk.copyWithin(from + extra, from, this.pos)
    for (let i = this.splices.length - 1; i >= 0 && this.splices[i]!.at >= from; i--) this.splices[i]!.at += extra
    this.pos += extra
  }

  /** The message written since the last `finish`, in order. The writer is then ready for the next one. */
  finish(): WireParts {
    const { chunk, pos, splices, start } = this
    const byteLength = pos - start + this.spliced
    this.start = pos
    // A chunk that grew for a large message is not kept for the small ones after it.
    if (chunk.length > chunkSize) {
      this.chunk = new Uint8Array(0)
      this.start = this.pos = 0
    }
    if (splices.length === 0) return { parts: [chunk.subarray(start, pos)], byteLength }
    const parts: Array<Uint8Array> = []
    let from = start
    for (const { at, bytes } of splices) {
      if (at > from) parts.push(chunk.subarray(from, at))
      parts.push(bytes)
      from = at
    }
    if (pos > from) parts.push(chunk.subarray(from, pos))
    this.splices = []
    this.spliced = 0
    return { parts, byteLength }
  }

  /** Forgets what was written since the last `finish`. */
  discard(): void {
    this.pos = this.start
    this.splices = []
    this.spliced = 0
    this.open.length = 0
  }
}
