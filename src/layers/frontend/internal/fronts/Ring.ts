/**
 * A ring of records in shared memory: one thread writes, another one reads.
 *
 * ```
 * 320 bytes  words    Int32, each on a cache line of its own
 * capacity   records  8 bytes of head (length of the contents, kind), then the contents, up to a multiple of 8
 * ```
 *
 * A record lies in one piece: where the end of the memory is too near, the rest is skipped. Positions count bytes and wrap with 32
 * bits. This module is loaded by both threads.
 */

/** Indices of the words. @internal */
export const Word = {
  /** Up to here records are written. */
  written: 0,
  /** Up to here records were read, and their bytes may be written again. */
  read: 16,
  /** The reader has been sent a message and has not seen it yet. */
  told: 32,
  /** The reader looks by itself before it sleeps. */
  awake: 48,
  /** The writer waits for room. */
  starved: 64
} as const

const wordBytes = 320
const headBytes = 8
/** Length that stands where the rest of the memory is skipped. */
const skip = -1

/** A record of this many bytes fits into a ring, however its places fall. @internal */
export const maxRecordOf = (capacity: number): number => capacity / 2 - 2 * headBytes

/** Memory for a ring; `capacity`: bytes, a power of two. @internal */
export const allocate = (capacity: number): SharedArrayBuffer => new SharedArrayBuffer(wordBytes + capacity)

const sizeOf = (byteLength: number): number => (headBytes + byteLength + 7) & ~7

/** What both ends see. */
abstract class End {
  readonly words: Int32Array
  /** The records, for fields of 32 bits. */
  readonly ints: Int32Array
  /** The records, for bytes. */
  readonly bytes: Buffer
  protected readonly capacity: number
  protected readonly mask: number
  /** Where the contents of the record begin that is written or read. */
  at = 0

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - wordBytes
    this.mask = this.capacity - 1
    this.words = new Int32Array(memory, 0, wordBytes / 4)
    this.ints = new Int32Array(memory, wordBytes)
    this.bytes = Buffer.from(memory, wordBytes, this.capacity)
  }
}

/** The end that writes. @internal */
export class RingWriter extends End {
  private written = 0
  private size = 0
  /** The reader was at least so far. */
  private read = 0

  /** Takes room for a record, whose contents are to be written at `at`; `false`: there is none now. */
  open(kind: number, byteLength: number): boolean {
    const size = sizeOf(byteLength)
    let place = this.written & this.mask
    const rest = this.capacity - place
    const needed = size > rest ? rest + size : size
    if (needed > this.room()) {
      this.read = Atomics.load(this.words, Word.read)
      if (needed > this.room()) return false
    }
    if (size > rest) {
      this.ints[place >> 2] = skip
      this.written = (this.written + rest) | 0
      place = 0
    }
    this.ints[place >> 2] = byteLength
    this.ints[(place >> 2) + 1] = kind
    this.at = place + headBytes
    this.size = size
    return true
  }

  private room(): number {
    return this.capacity - ((this.written - this.read) | 0)
  }

  /** Shows the record to the reader. */
  commit(): void {
    this.written = (this.written + this.size) | 0
    Atomics.store(this.words, Word.written, this.written)
  }
}

/** The end that reads. @internal */
export class RingReader extends End {
  /** What the record is, and the length of its contents in bytes. */
  kind = 0
  length = 0
  private position = 0
  /** The writer was at least so far. */
  private known = 0

  /** Goes to the next record, whose contents lie at `at` until `release`; `false`: there is none now. */
  next(): boolean {
    for (;;) {
      if (this.position === this.known) {
        this.known = Atomics.load(this.words, Word.written)
        if (this.position === this.known) return false
      }
      const place = this.position & this.mask
      const length = this.ints[place >> 2]!
      if (length === skip) {
        this.position = (this.position + this.capacity - place) | 0
        continue
      }
      this.length = length
      this.kind = this.ints[(place >> 2) + 1]!
      this.at = place + headBytes
      this.position = (this.position + sizeOf(length)) | 0
      return true
    }
  }

  /** Gives back the room of every record that was read. `true`: the writer waits for it. */
  release(): boolean {
    Atomics.store(this.words, Word.read, this.position)
    return Atomics.load(this.words, Word.starved) === 1 && Atomics.exchange(this.words, Word.starved, 0) === 1
  }
}
