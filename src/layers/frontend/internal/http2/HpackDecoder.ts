/** Reads compressed header blocks. Source: RFC 7541 §3, §5, §6. */
import { defaultTableSize } from "./Frame.ts"
import { DynamicTable, firstDynamic, staticNames, staticValues } from "./HeaderTables.ts"
import * as Huffman from "./Huffman.ts"

/** Takes the fields of a block in their order. @internal */
export interface FieldSink {
  field(name: string, value: string): void
}

/** A block cannot be read: the tables of the two sides are no longer the same, and the connection has to end. @internal */
export class CompressionFault extends Error {}

/** No number in a header block is larger. */
const maxInteger = 2 ** 28

let scratch = Buffer.allocUnsafeSlow(4096)

/** One for each connection, because blocks build on those before. @internal */
export class HpackDecoder {
  private readonly table: DynamicTable
  private readonly maxTableSize: number
  private source: Buffer = scratch
  private at = 0
  private end = 0

  /** `maxTableSize`: the setting that the other side was told. */
  constructor(maxTableSize: number = defaultTableSize) {
    this.maxTableSize = maxTableSize
    this.table = new DynamicTable(maxTableSize)
  }

  /** Two equal blocks mean the same while it is the same. */
  get version(): number {
    return this.table.version
  }

  /** Reads a whole block. Throws `CompressionFault`. */
  decode(source: Buffer, start: number, end: number, sink: FieldSink): void {
    this.source = source
    this.at = start
    this.end = end
    let resizable = true
    while (this.at < end) {
      const byte = source[this.at]!
      if (byte >= 0x80) {
        const index = this.integer(0x7f)
        sink.field(this.nameAt(index), this.valueAt(index))
      } else if (byte >= 0x40) {
        const name = this.name(0x3f)
        const value = this.text()
        this.table.insert(name, value)
        sink.field(name, value)
      } else if (byte >= 0x20) {
        const size = this.integer(0x1f)
        if (!resizable) throw new CompressionFault("a table size within a header block")
        if (size > this.maxTableSize) throw new CompressionFault(`a table of ${size} bytes, more than allowed`)
        this.table.resize(size)
        continue
      } else {
        const name = this.name(0x0f)
        sink.field(name, this.text())
      }
      resizable = false
    }
    this.source = scratch
  }

  private name(mask: number): string {
    return (this.source[this.at]! & mask) === 0 ? (this.at++, this.text()) : this.nameAt(this.integer(mask))
  }

  private nameAt(index: number): string {
    return index < firstDynamic && index > 0 ? staticNames[index]! : this.table.name(this.place(index))
  }

  private valueAt(index: number): string {
    return index < firstDynamic && index > 0 ? staticValues[index]! : this.table.value(this.place(index))
  }

  private place(index: number): number {
    const place = index - firstDynamic
    if (place < 0 || place >= this.table.length) throw new CompressionFault(`no header field has the index ${index}`)
    return place
  }

  /** An integer whose first byte has other bits outside `mask`. */
  private integer(mask: number): number {
    const first = this.source[this.at++]! & mask
    if (first < mask) return first
    let value = first
    for (let scale = 1; value < maxInteger; scale *= 128) {
      if (this.at >= this.end) throw new CompressionFault("a header block ends within a number")
      const byte = this.source[this.at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      if (scale > maxInteger) break
    }
    throw new CompressionFault("a number in a header block is too large")
  }

  private text(): string {
    if (this.at >= this.end) throw new CompressionFault("a header block ends before a string")
    const coded = this.source[this.at]! >= 0x80
    const length = this.integer(0x7f)
    const start = this.at
    const end = start + length
    if (end > this.end) throw new CompressionFault("a header block ends within a string")
    this.at = end
    if (!coded) return this.source.toString("latin1", start, end)
    const most = Huffman.decodedBytes(length)
    if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(most)
    const decoded = Huffman.decode(this.source, start, end, scratch)
    if (decoded === -1) throw new CompressionFault("a string in a header block has a code that is not one")
    return scratch.toString("latin1", 0, decoded)
  }
}
