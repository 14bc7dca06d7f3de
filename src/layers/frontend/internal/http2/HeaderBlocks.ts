/** Joins the frames of a header block and reads it; equal blocks are read once. Source: RFC 9113 §4.3, §6.2, §6.10. */
import { defaultTableSize, Flag, lastStream } from "./Frame.ts"
import { CompressionFault, HpackDecoder } from "./HpackDecoder.ts"
import { HeadBuilder, type RequestHead } from "./RequestHead.ts"

/** Most CONTINUATION frames of one block. */
const maxContinuations = 32

/** Blocks of this size and below are kept for comparison. */
const maxKept = 512
/** Blocks kept. */
const keptBlocks = 4

interface Kept {
  readonly block: Buffer
  readonly head: RequestHead
}

/** Well-formed trailers; nobody asks what they say. */
const trailersHead: RequestHead = {
  method: "",
  path: "",
  scheme: "",
  authority: undefined,
  raw: [],
  contentLength: undefined,
  tooLarge: false,
  memo: undefined
}

const nothing = Buffer.alloc(0)

/** @internal */
export class HeaderBlocks {
  /** The stream whose block is not complete; 0: none. */
  open = 0
  /** The last block ends its request. */
  endStream = false
  /** The last block came with a dependency of the stream on itself. */
  dependsOnItself = false
  private readonly decoder = new HpackDecoder(defaultTableSize)
  private readonly builder: HeadBuilder
  private readonly maxBytes: number
  private block: Buffer = nothing
  private start = 0
  private end = 0
  private continuations = 0
  private kept: Array<Kept> = []
  private keptVersion = -1
  private keptAt = 0

  /** `maxListBytes`: see `ConnectionOptions.maxHeaderListBytes`. A compressed block may be twice as large, and at least 32 KiB. */
  constructor(maxListBytes: number) {
    this.builder = new HeadBuilder(maxListBytes)
    this.maxBytes = Math.max(32 * 1024, 2 * maxListBytes)
  }

  /** Whether the payload of one more frame may be kept. */
  takes(bytes: number): boolean {
    return (this.open === 0 ? 0 : this.end - this.start) + bytes <= this.maxBytes
  }

  /** The payload of a HEADERS frame. */
  begin(bytes: Buffer, from: number, to: number, flags: number, id: number): "padding" | undefined {
    let start = from
    let end = to
    if ((flags & Flag.padded) !== 0) {
      end -= start < end ? bytes[start]! : 1
      start++
    }
    this.dependsOnItself = false
    if ((flags & Flag.priority) !== 0) {
      if (start + 5 <= end) this.dependsOnItself = (bytes.readUInt32BE(start) & lastStream) === id
      start += 5
    }
    if (start > end) return "padding"
    this.endStream = (flags & Flag.endStream) !== 0
    this.continuations = 0
    this.start = start
    this.end = end
    if ((flags & Flag.endHeaders) === 0) {
      this.open = id
      this.block = Buffer.from(bytes.subarray(start, end))
      this.start = 0
      this.end = this.block.length
    } else {
      this.block = bytes
    }
    return undefined
  }

  /** The payload of a CONTINUATION frame. */
  go(bytes: Buffer, from: number, to: number, flags: number): "flood" | undefined {
    if (++this.continuations > maxContinuations) return "flood"
    this.block = Buffer.concat([this.block, bytes.subarray(from, to)])
    this.end = this.block.length
    if ((flags & Flag.endHeaders) !== 0) this.open = 0
    return undefined
  }

  /**
   * Reads the complete block: a request's head, or `undefined` when it is malformed, or the text of what makes the connection
   * unusable.
   */
  decode(trailers: boolean): RequestHead | undefined | string {
    const { block, end, start } = this
    this.block = nothing
    const { version } = this.decoder
    if (!trailers) {
      const known = this.find(block, start, end)
      if (known !== undefined) return known
    }
    this.builder.begin(trailers)
    try {
      this.decoder.decode(block, start, end, this.builder)
    } catch (thrown) {
      if (thrown instanceof CompressionFault) return thrown.message
      throw thrown
    }
    if (trailers) return this.builder.wellFormed() ? trailersHead : undefined
    const head = this.builder.head()
    if (head !== undefined && version === this.decoder.version && end - start <= maxKept) {
      this.keep(block, start, end, head)
    }
    return head
  }

  private find(block: Buffer, start: number, end: number): RequestHead | undefined {
    if (this.keptVersion !== this.decoder.version) return undefined
    for (const { block: known, head } of this.kept) {
      if (known.length === end - start && equal(known, block, start)) return head
    }
    return undefined
  }

  private keep(block: Buffer, start: number, end: number, head: RequestHead): void {
    if (this.keptVersion !== this.decoder.version) {
      this.keptVersion = this.decoder.version
      this.kept = []
      this.keptAt = 0
    }
    this.kept[this.keptAt] = { block: Buffer.from(block.subarray(start, end)), head }
    this.keptAt = (this.keptAt + 1) % keptBlocks
  }
}

const equal = (known: Buffer, block: Buffer, start: number): boolean => {
  for (let i = 0; i < known.length; i++) if (known[i] !== block[start + i]) return false
  return true
}
