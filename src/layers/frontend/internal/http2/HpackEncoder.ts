/** Writes compressed header blocks. Source: RFC 7541 §6; strings are left as they are (§5.2 allows it). */
import { defaultTableSize } from "./Frame.ts"
import { DynamicTable, entryOverhead, firstDynamic, staticNames, staticValues } from "./HeaderTables.ts"

/**
 * The fields of a block, as names in lower case and values in turn; values are latin1.
 *
 * @internal
 */
export class Fields {
  readonly list: ReadonlyArray<string>
  /** Sent again and again: the client is told to remember them, and the block is kept. Has to be few of them in a process. */
  readonly frequent: boolean

  constructor(list: ReadonlyArray<string>, frequent = false) {
    this.list = list
    this.frequent = frequent
  }
}

interface Kept {
  readonly version: number
  readonly block: Uint8Array
}

const fullFields = new Map<string, number>()
const namedFields = new Map<string, number>()
for (let index = firstDynamic - 1; index > 0; index--) {
  fullFields.set(`${staticNames[index]} ${staticValues[index]}`, index)
  namedFields.set(staticNames[index]!, index)
}

/** One for each connection, because blocks build on those before: they have to be sent in the order in which they were made. @internal */
export class HpackEncoder {
  private readonly table = new DynamicTable(defaultTableSize)
  private readonly kept = new Map<Fields, Kept>()
  private bytes: Array<number> = []
  /** Smallest table size since the last block, which the next one has to tell. */
  private resized: number | undefined = undefined

  /** The other side remembers at most so many bytes. */
  resize(maxSize: number): void {
    const size = Math.min(maxSize, defaultTableSize)
    if (size === this.table.limit) return
    this.resized = Math.min(this.resized ?? size, size)
    this.table.resize(size)
  }

  /** The block of some fields. It must not be changed. */
  encode(fields: Fields): Uint8Array {
    const kept = this.kept.get(fields)
    if (kept !== undefined && kept.version === this.table.version && this.resized === undefined) return kept.block
    this.bytes = []
    const plain = this.resized === undefined
    if (this.resized !== undefined) {
      if (this.resized < this.table.limit) this.integer(this.resized, 0x1f, 0x20)
      this.integer(this.table.limit, 0x1f, 0x20)
      this.resized = undefined
    }
    const before = this.table.version
    const { list } = fields
    for (let i = 0; i < list.length; i += 2) this.field(list[i]!, list[i + 1]!, fields.frequent)
    const block = Uint8Array.from(this.bytes)
    const { version } = this.table
    if (fields.frequent && plain && before === version) this.kept.set(fields, { version, block })
    return block
  }

  private field(name: string, value: string, frequent: boolean): void {
    const full = fullFields.get(`${name} ${value}`) ?? this.remembered(name, value)
    if (full !== undefined) return this.integer(full, 0x7f, 0x80)
    const size = name.length + value.length + entryOverhead
    const remember = frequent && size <= this.table.limit
    const index = namedFields.get(name)
    if (index === undefined) {
      this.bytes.push(remember ? 0x40 : 0)
      this.text(name)
    } else if (remember) {
      this.integer(index, 0x3f, 0x40)
    } else {
      this.integer(index, 0x0f, 0)
    }
    this.text(value)
    if (remember) this.table.insert(name, value)
  }

  private remembered(name: string, value: string): number | undefined {
    const { table } = this
    for (let place = 0; place < table.length; place++) {
      if (table.name(place) === name && table.value(place) === value) return firstDynamic + place
    }
    return undefined
  }

  private text(text: string): void {
    this.integer(text.length, 0x7f, 0)
    for (let i = 0; i < text.length; i++) this.bytes.push(text.charCodeAt(i) & 0xff)
  }

  private integer(value: number, mask: number, pattern: number): void {
    if (value < mask) {
      this.bytes.push(pattern | value)
      return
    }
    this.bytes.push(pattern | mask)
    let rest = value - mask
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes.push(128 + rest % 128)
    this.bytes.push(rest)
  }
}
