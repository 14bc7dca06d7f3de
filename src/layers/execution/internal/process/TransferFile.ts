/**
 * A file in memory through which large tensors cross: two processes have it open, and nobody else can, since its name is gone
 * before the second one starts. One process writes, the other reads.
 */
import { ftruncateSync, readSync, writeSync } from "node:fs"
import { align } from "./Frame.ts"

/**
 * The writer's side. Blocks lie one behind the other; as soon as all were read, the next starts at the front again.
 *
 * @category models
 */
export class TransferWriter {
  private readonly descriptor: number | undefined
  private readonly first: number
  private readonly maxBytes: number
  private tail: number
  /** Bytes of the file, where this has seen to them. */
  private size = 0
  /** How many blocks were written. */
  written = 0
  /** How many of them were read. */
  private read = 0

  /** `first`: bytes at the front that are used for something else. `maxBytes`: what may lie there unread. */
  constructor(descriptor: number | undefined, first: number, maxBytes: number) {
    this.descriptor = descriptor
    this.first = first
    this.tail = first
    this.maxBytes = maxBytes
  }

  /** The reader has read so many blocks, all told. */
  wasRead(count: number): void {
    this.read = count
    if (this.read === this.written) this.tail = this.first
  }

  /** More lies there unread than should. */
  get isFull(): boolean {
    return this.tail > this.maxBytes
  }

  /** Writes a block; gives where it starts. `undefined`: there is no room for it, it has to cross by the socket. */
  write(parts: ReadonlyArray<Uint8Array>): number | undefined {
    if (this.descriptor === undefined || this.isFull) return undefined
    const start = this.tail
    let at = start
    try {
      for (const part of parts) {
        writeAll(this.descriptor, part, at)
        at += align(part.byteLength)
      }
      // The reader takes whole blocks: also what no tensor has filled up to the alignment is there to be read.
      if (at > this.size) {
        ftruncateSync(this.descriptor, at)
        this.size = at
      }
    } catch {
      // No space: a container may have little shared memory.
      return undefined
    }
    this.tail = at
    this.written++
    return start
  }

  /** Gives the memory back, where nothing is unread. */
  trim(): void {
    if (this.descriptor === undefined || this.read !== this.written) return
    ftruncateSync(this.descriptor, this.first)
    this.size = this.first
  }
}

const writeAll = (descriptor: number, bytes: Uint8Array, at: number): void => {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(descriptor, bytes, done, bytes.byteLength - done, at + done)
  }
}

/** Fills `bytes` with what lies in the file from `at` on. Throws where the file ends before. @category getters */
export const readAll = (descriptor: number, bytes: Uint8Array, at: number): void => {
  for (let done = 0; done < bytes.byteLength;) {
    const count = readSync(descriptor, bytes, done, bytes.byteLength - done, at + done)
    if (count === 0) throw new Error(`the file of tensors ends after ${at + done} bytes`)
    done += count
  }
}
