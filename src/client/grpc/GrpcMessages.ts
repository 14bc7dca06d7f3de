/** Messages of gRPC in the bytes of a stream: five bytes before each say whether it is compressed, and how long it is. */
import { deflate, gunzip, gzip, inflate } from "node:zlib"
import type { WireParts } from "../../schema/proto/WireWriter.ts"

/** How messages are compressed. @category models */
export type GrpcCompression = "gzip" | "deflate"

const prefixBytes = 5
/** Messages from here on begin where their end is a multiple of 8 bytes, so that tensors at their end can be viewed. */
const alignFrom = 256

/** What a splitter hands on. @internal */
export interface SplitterEvents {
  readonly onMessage: (bytes: Uint8Array, compressed: boolean) => void
  /** The stream is no gRPC, or a message is larger than allowed. Nothing follows. */
  readonly onProblem: (problem: "prefix" | "size", bytes: number) => void
}

/** Cuts the chunks of a stream into messages. @internal */
export class MessageSplitter {
  private readonly maxMessageBytes: number
  private readonly events: SplitterEvents
  private readonly prefix = new Uint8Array(prefixBytes)
  private prefixFilled = 0
  private compressed = false
  private target: Uint8Array | undefined
  private filled = 0
  private failed = false

  constructor(maxMessageBytes: number, events: SplitterEvents) {
    this.maxMessageBytes = maxMessageBytes
    this.events = events
  }

  /** A message was begun and is not whole. */
  get within(): boolean {
    return this.prefixFilled > 0 || this.target !== undefined
  }

  push(chunk: Uint8Array): void {
    let at = 0
    while (!this.failed && (at < chunk.length || (this.target !== undefined && this.filled === this.target.length))) {
      at = this.target === undefined ? this.readPrefix(chunk, at) : this.readBody(chunk, at, this.target)
    }
  }

  private readPrefix(chunk: Uint8Array, start: number): number {
    let at = start
    while (at < chunk.length && this.prefixFilled < prefixBytes) this.prefix[this.prefixFilled++] = chunk[at++]!
    if (this.prefixFilled < prefixBytes) return at
    this.prefixFilled = 0
    const { prefix } = this
    const flag = prefix[0]!
    const length = prefix[1]! * 0x1000000 + (prefix[2]! << 16 | prefix[3]! << 8 | prefix[4]!)
    if (flag > 1) this.fail("prefix", flag)
    else if (length > this.maxMessageBytes) this.fail("size", length)
    else {
      this.compressed = flag === 1
      return this.begin(chunk, at, length)
    }
    return at
  }

  private begin(chunk: Uint8Array, at: number, length: number): number {
    if (length <= chunk.length - at && length < alignFrom) {
      this.events.onMessage(chunk.subarray(at, at + length), this.compressed)
      return at + length
    }
    const skipped = -length & 7
    this.target = new Uint8Array(Buffer.allocUnsafeSlow(length + skipped).buffer, skipped, length)
    this.filled = 0
    return at
  }

  private readBody(chunk: Uint8Array, at: number, target: Uint8Array): number {
    const taken = Math.min(chunk.length - at, target.length - this.filled)
    target.set(chunk.subarray(at, at + taken), this.filled)
    this.filled += taken
    if (this.filled === target.length) {
      this.target = undefined
      this.events.onMessage(target, this.compressed)
    }
    return at + taken
  }

  private fail(problem: "prefix" | "size", bytes: number): void {
    this.failed = true
    this.events.onProblem(problem, bytes)
  }
}

/** The parts of a message with what stands before it. @internal */
export const framed = ({ byteLength, parts }: WireParts, compressed = false): ReadonlyArray<Uint8Array> => {
  const prefix = Buffer.allocUnsafe(prefixBytes)
  prefix[0] = compressed ? 1 : 0
  prefix.writeUInt32BE(byteLength, 1)
  const [first] = parts
  // Small messages leave in one piece.
  return parts.length === 1 && byteLength < 4096 ? [Buffer.concat([prefix, first!])] : [prefix, ...parts]
}

/** A message compressed, in the background. @internal */
export const compress = (coding: GrpcCompression, { parts }: WireParts): Promise<WireParts> =>
  new Promise((resolve, reject) => {
    const method = coding === "gzip" ? gzip : deflate
    method(Buffer.concat(parts), (error, bytes) => {
      if (error === null) resolve({ parts: [bytes], byteLength: bytes.length })
      else reject(error)
    })
  })

/** A message decompressed, in the background. Rejects where it is damaged or larger than allowed. @internal */
export const decompress = (
  coding: GrpcCompression,
  bytes: Uint8Array,
  maxMessageBytes: number
): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const method = coding === "gzip" ? gunzip : inflate
    method(bytes, { maxOutputLength: Math.max(1, maxMessageBytes) }, (error, whole) => {
      if (error === null) resolve(whole)
      else reject(error)
    })
  })
