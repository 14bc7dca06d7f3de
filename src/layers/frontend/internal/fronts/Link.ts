/**
 * One end of the way between the main thread and a front: a ring in each direction, and a bell.
 *
 * Whoever writes rings once per turn of its event loop, and only where the other end sleeps: an end that has something to do looks
 * by itself, and says so. What finds no room waits in order and moves up as soon as the other end has read.
 */
import { type RingReader, type RingWriter, Word } from "./Ring.ts"

interface Waiting {
  readonly kind: number
  readonly byteLength: number
  readonly bytes: Buffer
}

/** @internal */
export interface LinkOptions {
  readonly writer: RingWriter
  readonly reader: RingReader
  /** Wakes the other end with a message. */
  readonly tell: () => void
  /** Takes the record that the reader stands at. It must not throw. */
  readonly onRecord: (reader: RingReader) => void
  /** More is to be written soon, so that the bell can wait for a moment: waking the other end costs as much as several records. */
  readonly expectsMore?: (() => boolean) | undefined
}

/** How long the bell waits for more to be written. */
const maxWaitMillis = 0.02

/** Records that have moved up and are still in the list. */
const maxDone = 256

/** @internal */
export class Link {
  /** Where the contents of the record that is open are written: fields of 32 bits and bytes, from byte `at` on. */
  ints: Int32Array
  bytes: Buffer
  at = 0
  private readonly options: LinkOptions
  private readonly writer: RingWriter
  private readonly reader: RingReader
  private opened: Waiting | undefined = undefined
  private waiting: Array<Waiting> = []
  private firstWaiting = 0
  private scheduled = false
  private unrung = false
  private unrungSince = 0
  private looking = false
  private closed = false

  constructor(options: LinkOptions) {
    this.options = options
    this.writer = options.writer
    this.reader = options.reader
    this.ints = this.writer.ints
    this.bytes = this.writer.bytes
  }

  /** The other end does not keep up: what is written waits. */
  get isFull(): boolean {
    return this.waiting.length > 0
  }

  /** Begins a record of so many bytes. */
  open(kind: number, byteLength: number): void {
    if (this.waiting.length === 0 && this.writer.open(kind, byteLength)) {
      this.opened = undefined
      this.ints = this.writer.ints
      this.bytes = this.writer.bytes
      this.at = this.writer.at
      return
    }
    const memory = new ArrayBuffer((byteLength + 7) & ~7)
    this.bytes = Buffer.from(memory)
    this.ints = new Int32Array(memory)
    this.at = 0
    this.opened = { kind, byteLength, bytes: this.bytes }
  }

  /** Sends the record. */
  commit(): void {
    if (this.opened === undefined) this.writer.commit()
    else {
      if (!this.closed) this.waiting.push(this.opened)
      this.opened = undefined
      if (this.waiting.length === 1) this.moveUp()
    }
    this.mark()
    this.stir()
  }

  /** A message came from the other end. */
  readonly rung = (): void => {
    Atomics.store(this.reader.words, Word.told, 0)
    if (this.waiting.length > 0) this.moveUp()
    if (this.look()) this.stir()
  }

  /** Nothing is read or written any more. */
  close(): void {
    this.closed = true
    this.waiting = []
  }

  private stir(): void {
    if (this.scheduled) return
    this.scheduled = true
    Atomics.store(this.reader.words, Word.awake, 1)
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    if (this.closed) return
    if (this.waiting.length > 0) this.moveUp()
    const found = this.look()
    if (this.unrung) {
      if (this.canWait()) {
        setImmediate(this.turn)
        return
      }
      this.ring()
    }
    if (found) {
      setImmediate(this.turn)
      return
    }
    this.scheduled = false
    Atomics.store(this.reader.words, Word.awake, 0)
    // The other end may have written, or read, while it still saw this one awake.
    if (this.waiting.length > 0) this.moveUp()
    if (this.look()) this.stir()
  }

  /** Takes every record that is there; `true`: there was one. */
  private look(): boolean {
    if (this.looking || this.closed) return false
    const { reader } = this
    if (!reader.next()) return false
    const { onRecord } = this.options
    this.looking = true
    let starved = false
    do {
      onRecord(reader)
      starved = reader.release() || starved
    } while (!this.closed && reader.next())
    this.looking = false
    if (starved) this.ring()
    return true
  }

  /** Something was written of which the other end may not know. */
  private mark(): void {
    if (this.unrung) return
    this.unrung = true
    if (this.options.expectsMore !== undefined) this.unrungSince = performance.now()
  }

  private canWait(): boolean {
    return this.options.expectsMore?.() === true && performance.now() - this.unrungSince < maxWaitMillis
  }

  private ring(): void {
    this.unrung = false
    const { words } = this.writer
    if (Atomics.load(words, Word.awake) === 1) return
    if (Atomics.exchange(words, Word.told, 1) === 0) this.options.tell()
  }

  /** Writes what waits, as far as there is room. */
  private moveUp(): void {
    const { waiting, writer } = this
    let asked = false
    while (this.firstWaiting < waiting.length) {
      const { byteLength, bytes, kind } = waiting[this.firstWaiting]!
      if (writer.open(kind, byteLength)) {
        writer.bytes.set(bytes.subarray(0, byteLength), writer.at)
        writer.commit()
        this.firstWaiting++
        this.mark()
        asked = false
      } else if (asked) {
        if (this.unrung) this.ring()
        return
      } else {
        if (this.firstWaiting > maxDone) {
          waiting.splice(0, this.firstWaiting)
          this.firstWaiting = 0
        }
        // The other end may have read before it could see that somebody waits.
        Atomics.store(writer.words, Word.starved, 1)
        asked = true
      }
    }
    Atomics.store(writer.words, Word.starved, 0)
    this.waiting = []
    this.firstWaiting = 0
    if (this.unrung) this.stir()
  }
}
