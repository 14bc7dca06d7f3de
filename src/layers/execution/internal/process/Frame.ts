/**
 * What the server and a process of instances send each other over a socket: frames. This module is loaded by both.
 *
 * ```
 * 128 bytes  head    Float64: lengths of the parts that follow, see `Head`
 *            fields  Float64: a run, or its answer, as in a mailbox
 *            inline  bytes of small tensors
 *            text    JSON: what is told, or what goes beside an answer
 *            block   bytes of large tensors, where they do not go through a file
 * ```
 */

/** Indices of the head. */
export const Head = {
  /** Bytes of the whole frame. */
  length: 0,
  kind: 1,
  instance: 2,
  /** Number of the run. */
  run: 3,
  /** Count of fields. */
  fields: 4,
  /** Where the inline bytes belong, and how many there are. */
  inlineAt: 5,
  inline: 6,
  /** Bytes of text. */
  text: 7,
  /** Bytes of the block, and where it starts in the file; `inFrame` where it is part of the frame. */
  block: 8,
  blockAt: 9,
  /** Of a run: bytes of memory that its large tensors take, inputs first. Of an answer: bytes of the block for outputs that were asked for. */
  room: 10,
  /** Of a run: how many blocks of answers the server has read from the file. */
  read: 11
} as const

/** A block that is part of the frame. */
export const inFrame = -1

/** Something told: the text says what. A run. The answer to a run. */
export const Kind = { told: 0, run: 1, answer: 2 } as const

const headCount = 16
export const headBytes = headCount * 8

/** Memory of a run's large tensors: the inputs, one behind the other, then the outputs. The inline bytes are memory 0. */
export const blockMemory = 1

/** Blocks up to this size go with the frame: cheaper than a write and a read of the file. */
export const fileFrom = 65_536

/** Longest frame. Blocks are as large as tensors may be. */
const maxBytes = 2 ** 32

/** A frame that nobody writes: whoever sent it is not to be trusted any more. */
export class MalformedFrame extends Error {}

/** One frame to be written, or one that was read. @category models */
export class Frame {
  readonly head = new Float64Array(headCount)
  private readonly headView = new Uint8Array(this.head.buffer)
  fields: Float64Array = new Float64Array(0)
  inline: Uint8Array = new Uint8Array(0)
  text: Uint8Array = new Uint8Array(0)
  /** What is in the frame of the block. */
  block: ReadonlyArray<Uint8Array> = []

  /** Puts the frame behind the others of a batch. */
  append(batch: Batch): void {
    const { block, fields, head, inline, text } = this
    let blockBytes = 0
    if (head[Head.blockAt] === inFrame) { for (const part of block) blockBytes += align(part.byteLength) }
    const length = headBytes + fields.byteLength + inline.byteLength + text.byteLength + blockBytes
    head[Head.length] = length
    head[Head.fields] = fields.length
    head[Head.inline] = inline.byteLength
    head[Head.text] = text.byteLength
    batch.add(this.headView)
    if (fields.byteLength > 0) batch.add(new Uint8Array(fields.buffer, fields.byteOffset, fields.byteLength))
    if (inline.byteLength > 0) batch.add(inline)
    if (text.byteLength > 0) batch.add(text)
    if (blockBytes > 0) { for (const part of block) batch.addAligned(part) }
  }

  /** Reads the head alone. */
  readHead(bytes: Uint8Array): void {
    this.headView.set(bytes.subarray(0, headBytes))
  }

  /** Reads a whole frame; its parts are views of `bytes`, except for `fields`, which are copied. */
  read(bytes: Uint8Array): void {
    const { head } = this
    this.readHead(bytes)
    const fieldBytes = head[Head.fields]! * 8
    const inlineAt = headBytes + fieldBytes
    const textAt = inlineAt + head[Head.inline]!
    const blockAt = textAt + head[Head.text]!
    const blockBytes = head[Head.blockAt] === inFrame ? head[Head.block]! : 0
    if (!(fieldBytes >= 0 && inlineAt <= textAt && textAt <= blockAt && blockAt + blockBytes === bytes.byteLength)) {
      throw new MalformedFrame("its parts are not as long as the frame")
    }
    if (this.fields.length < head[Head.fields]!) this.fields = new Float64Array(Math.max(64, head[Head.fields]!))
    new Uint8Array(this.fields.buffer).set(bytes.subarray(headBytes, inlineAt))
    this.inline = bytes.subarray(inlineAt, textAt)
    this.text = bytes.subarray(textAt, blockAt)
    this.block = blockBytes === 0 ? [] : [bytes.subarray(blockAt)]
  }
}

/** Every tensor of a block starts at a multiple of this. */
const alignment = 64

/** Rounds a length up to the alignment within a block. */
export const align = (length: number): number => Math.ceil(length / alignment) * alignment

/** Frames that are written together. @category models */
export class Batch {
  private bytes = Buffer.allocUnsafe(16_384)
  private length = 0

  get isEmpty(): boolean {
    return this.length === 0
  }

  add(part: Uint8Array): void {
    const end = this.length + part.byteLength
    this.grow(end)
    this.bytes.set(part, this.length)
    this.length = end
  }

  addAligned(part: Uint8Array): void {
    this.add(part)
    const end = this.length + align(part.byteLength) - part.byteLength
    this.grow(end)
    this.bytes.fill(0, this.length, end)
    this.length = end
  }

  /** What was gathered, to be written before the next is added. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  /** What was gathered, which is the caller's. */
  take(): Uint8Array {
    const taken = this.length < this.bytes.byteLength / 2
      ? Buffer.from(this.bytes.subarray(0, this.length))
      : this.bytes.subarray(0, this.length)
    if (taken.buffer === this.bytes.buffer) this.bytes = Buffer.allocUnsafe(16_384)
    this.length = 0
    return taken
  }

  clear(): void {
    this.length = 0
    if (this.bytes.byteLength > 1_048_576) this.bytes = Buffer.allocUnsafe(16_384)
  }

  private grow(length: number): void {
    if (length <= this.bytes.byteLength) return
    const bytes = Buffer.allocUnsafe(Math.max(length, this.bytes.byteLength * 2))
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
  }
}

/** Cuts a stream of bytes into frames. @category models */
export class FrameReader {
  private readonly head = new Float64Array(1)
  private readonly headView = new Uint8Array(this.head.buffer)
  /** What has come of a frame that is not whole. */
  private parts: Array<Uint8Array> = []
  private size = 0
  private current: Uint8Array = new Uint8Array(0)

  /** The next bytes. Frames are views of them: `next` has to be asked before their memory is used again. */
  push(bytes: Uint8Array): void {
    if (this.size === 0) {
      this.current = bytes
      return
    }
    // A copy: `slice` of a Buffer would be none.
    this.parts.push(new Uint8Array(bytes))
    this.size += bytes.byteLength
    const wanted = this.size < 8 ? Infinity : this.wanted()
    if (this.size < wanted) return
    this.current = Buffer.concat(this.parts)
    this.parts = []
    this.size = 0
  }

  /** The next whole frame, if it has come. Throws `MalformedFrame`. */
  next(): Uint8Array | undefined {
    const { current } = this
    if (current.byteLength === 0) return undefined
    const length = current.byteLength < 8 ? Infinity : lengthAt(this.head, this.headView, current)
    if (current.byteLength < length) {
      this.parts = [new Uint8Array(current)]
      this.size = current.byteLength
      this.current = current.subarray(0, 0)
      return undefined
    }
    this.current = current.subarray(length)
    return current.subarray(0, length)
  }

  private wanted(): number {
    if (this.parts[0]!.byteLength < 8) this.parts = [Buffer.concat(this.parts)]
    return lengthAt(this.head, this.headView, this.parts[0]!)
  }
}

const lengthAt = (head: Float64Array, headView: Uint8Array, bytes: Uint8Array): number => {
  for (let i = 0; i < 8; i++) headView[i] = bytes[i]!
  const length = head[0]!
  if (!Number.isSafeInteger(length) || length < headBytes || length > maxBytes) {
    throw new MalformedFrame(`it says that it has ${length} bytes`)
  }
  return length
}
