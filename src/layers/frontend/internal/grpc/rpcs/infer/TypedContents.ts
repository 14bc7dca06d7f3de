/**
 * `InferTensorContents`: tensors as lists of numbers, packed or not, and what becomes of them.
 *
 * Source: protocol §1.2, §7.3, §7.4.
 */
import { byteSize, type DataType } from "../../../../../../schema/DataType.ts"
import { wire, WireReader } from "../../../../../../schema/proto/WireReader.ts"
import * as ByteCopy from "../../../../../ByteCopy.ts"
import * as RequestFault from "../../../infer/RequestFault.ts"
import { littleEndianVarints, type NumberView } from "./Varints.ts"

/** One list of the message: its field number is its place in `lists`. */
interface List {
  readonly field: number
  /** How an element is encoded, and how it is encoded alone. */
  readonly encoding: "varint" | "fixed32" | "fixed64" | "delimited"
  /** Datatypes that its elements may become; the last one names the list in messages. */
  readonly datatypes: ReadonlyArray<DataType>
}

const lists: ReadonlyArray<List> = [
  { field: 1, encoding: "varint", datatypes: ["BOOL"] },
  { field: 2, encoding: "varint", datatypes: ["INT8", "INT16", "INT32"] },
  { field: 3, encoding: "varint", datatypes: ["INT64"] },
  { field: 4, encoding: "varint", datatypes: ["UINT8", "UINT16", "UINT32"] },
  { field: 5, encoding: "varint", datatypes: ["UINT64"] },
  { field: 6, encoding: "fixed32", datatypes: ["FP32"] },
  { field: 7, encoding: "fixed64", datatypes: ["FP64"] },
  { field: 8, encoding: "delimited", datatypes: ["BYTES"] }
]

const nothing = new Uint8Array(0)

/** The contents of one input. @internal */
export class TypedContents {
  /** Start and end of the message, of each where it came in several pieces, which protobuf joins. */
  private readonly spans: Array<number> = []
  /** Elements of each list, by field number. */
  private readonly counts = new Float64Array(lists.length + 1)
  /** Bytes of the strings with their lengths. */
  private stringBytes = 0

  /** Reads the message at the cursor, whose tag was read: counts the elements. Throws `WireProblem`. */
  read(reader: WireReader): void {
    const outer = reader.open()
    this.spans.push(reader.pos, reader.end)
    while (reader.pos < reader.end) {
      const tag = reader.tag()
      const list = lists[(tag >>> 3) - 1]
      if (list === undefined || !this.count(reader, list, tag & 7)) reader.skip(tag)
    }
    reader.close(outer)
  }

  /** Counts what stands at the cursor and moves past it; `false` where it is no part of the list. */
  private count(reader: WireReader, { encoding, field }: List, type: number): boolean {
    if (encoding === "delimited") {
      if (type !== wire.delimited) return false
      const length = reader.length()
      this.counts[field]!++
      this.stringBytes += 4 + length
      reader.pos += length
      return true
    }
    if (type === wire.delimited) {
      const length = reader.length()
      const start = reader.pos
      const size = encoding === "fixed32" ? 4 : 8
      if (encoding === "varint") this.counts[field]! += countVarints(reader, start + length)
      else if (length % size !== 0) throw reader.problem("the bytes end inside a number", start + length)
      else this.counts[field]! += length / size
      reader.pos = start + length
      return true
    }
    if (type !== wire[encoding]) return false
    reader.skip(field << 3 | type)
    this.counts[field]!++
    return true
  }

  /** The list that is not empty, which must be the one of the datatype; `undefined` where all are empty. */
  private chosen(tensor: string, model: string, datatype: DataType): List | undefined {
    let found: List | undefined
    for (const list of lists) {
      if (this.counts[list.field] === 0) continue
      const what = `unexpected explicit tensor data for input tensor '${tensor}' for model '${model}'`
      if (found !== undefined) throw RequestFault.invalid(`${what}, binary data was already supplied.`)
      if (!list.datatypes.includes(datatype)) {
        throw RequestFault.invalid(
          `${what} of type '${list.datatypes.at(-1)}', expected datatype '${datatype}'`
        )
      }
      found = list
    }
    return found
  }

  /**
   * The tensor that the list makes, in memory of `allocate`, which is aligned to 8 bytes. `bytes` is the message that was read.
   *
   * Throws `InvalidRequest` where several lists hold elements, or one of another datatype.
   */
  data(
    bytes: Uint8Array,
    tensor: { readonly name: string; readonly datatype: DataType },
    model: string,
    allocate: (byteLength: number) => Uint8Array
  ): Uint8Array {
    const { datatype, name } = tensor
    const list = this.chosen(name, model, datatype)
    if (list === undefined) return nothing
    const { encoding, field } = list
    const count = this.counts[field]!
    const target = allocate(encoding === "delimited" ? this.stringBytes : count * byteSize(datatype))
    const writer = encoding === "delimited"
      ? new StringWriter(bytes, target)
      : encoding === "varint"
      ? new VarintWriter(bytes, littleEndianVarints[datatype]!(target, count))
      : new FixedWriter(bytes, target)
    const { spans } = this
    for (let i = 0; i < spans.length; i += 2) walk(bytes, spans[i]!, spans[i + 1]!, list, writer)
    return target
  }
}

/** Numbers in a packed list up to `end`, where `pos` is left. */
const countVarints = (reader: WireReader, end: number): number => {
  const { input } = reader
  let count = 0
  let length = 0
  for (let at = reader.pos; at < end; at++) {
    if (input[at]! < 0x80) {
      count++
      length = 0
    } else if (++length === 10) throw reader.problem("a number of more than 10 bytes", at)
  }
  if (length > 0) throw reader.problem("the bytes end inside a number", end)
  return count
}

/** Takes the elements between two places of the message. */
interface Writer {
  take(start: number, end: number): void
}

/** Gives the pieces of a list to a writer; the message was read once, so that nothing can be wrong with it. */
const walk = (bytes: Uint8Array, start: number, end: number, list: List, writer: Writer): void => {
  const reader = new WireReader(bytes)
  reader.pos = start
  reader.end = end
  const single = list.field << 3 | wire[list.encoding]
  const packed = list.field << 3 | wire.delimited
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === packed) {
      const length = reader.length()
      writer.take(reader.pos, reader.pos + length)
      reader.pos += length
    } else if (tag === single) {
      const from = reader.pos
      reader.skip(tag)
      writer.take(from, reader.pos)
    } else reader.skip(tag)
  }
}

class FixedWriter implements Writer {
  private readonly bytes: Uint8Array
  private readonly target: Uint8Array
  private at = 0

  constructor(bytes: Uint8Array, target: Uint8Array) {
    this.bytes = bytes
    this.target = target
  }

  take(start: number, end: number): void {
    this.at = ByteCopy.part(this.bytes, start, end, this.target, this.at)
  }
}

class VarintWriter implements Writer {
  private readonly bytes: Uint8Array
  private readonly view: NumberView

  constructor(bytes: Uint8Array, view: NumberView) {
    this.bytes = bytes
    this.view = view
  }

  take(start: number, end: number): void {
    this.view.put(this.bytes, start, end)
  }
}

class StringWriter implements Writer {
  private readonly bytes: Uint8Array
  private readonly target: Uint8Array
  private at = 0

  constructor(bytes: Uint8Array, target: Uint8Array) {
    this.bytes = bytes
    this.target = target
  }

  take(start: number, end: number): void {
    const { target } = this
    const length = end - start
    target[this.at] = length & 0xff
    target[this.at + 1] = length >>> 8 & 0xff
    target[this.at + 2] = length >>> 16 & 0xff
    target[this.at + 3] = length >>> 24
    this.at = ByteCopy.part(this.bytes, start, end, target, this.at + 4)
  }
}
