/** Memory that messages are written into, and that is used again when nobody reads them any more. */

/** @category models */
export class Block {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Messages in it that somebody will still read. */
  held = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }
}

/** Blocks of one size that are free: a few of them, the others are left to the garbage collector. @category models */
export class Blocks {
  private readonly size: number
  private readonly maxFree: number
  private readonly free: Array<Block> = []

  constructor(size: number, maxFree: number) {
    this.size = size
    this.maxFree = maxFree
  }

  /** A block with room for so many bytes at least. */
  take(size: number): Block {
    return size > this.size ? new Block(size) : this.free.pop() ?? new Block(this.size)
  }

  /** Nobody reads anything in it any more. */
  give(block: Block): void {
    if (block.bytes.length === this.size && this.free.length < this.maxFree) this.free.push(block)
  }
}
