/**
 * Reads the JSON data of a tensor, nested in whatever way, into its binary form.
 *
 * Failures speak of the tensor; where the text is not JSON either, that failure goes first: scan again with `JsonScanner.skip`.
 */
import type { DataType } from "../../../../schema/DataType.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import { InvalidRequest } from "../../../../schema/Errors.ts"
import * as BooleanCell from "./BooleanCell.ts"
import type { JsonScanner } from "./JsonScanner.ts"
import { malformed, maximumDepth, tooDeep } from "./JsonSyntax.ts"
import * as NumberReader from "./NumberReader.ts"
import * as StringCell from "./StringCell.ts"
import * as TensorFault from "./TensorFault.ts"

/** Reads one element after the other into one tensor: the one at the cursor, which it leaves behind it. */
interface Cell {
  readonly run: (scanner: JsonScanner) => void
}

/** @category models */
export interface Target {
  readonly name: string
  readonly datatype: DataType
  /** Elements of the declared shape: a safe integer above 0. */
  readonly count: number
  /** Most bytes that the tensor may have. */
  readonly maxByteSize: number
  /** Memory for the tensor, aligned to 8 bytes. */
  readonly allocate: (byteLength: number) => Uint8Array
}

const walk = (scanner: JsonScanner, cell: Cell, nestedTooDeep: () => Error): void => {
  let depth = 0
  let c = scanner.peek()
  for (;;) {
    let opened = false
    if (c === 0x5b) {
      if (++depth >= maximumDepth) throw nestedTooDeep()
      scanner.pos++
      c = scanner.next()
      opened = true
    }
    if (!(opened && c === 0x5d)) {
      if (c === 0x5b) continue
      cell.run(scanner)
    }
    for (;;) {
      c = scanner.next()
      if (c !== 0x2c && c !== 0x5d) throw malformed("commaOrBracket", scanner.pos)
      scanner.pos++
      if (c === 0x2c) break
      if (--depth === 0) return
    }
    c = scanner.next()
  }
}

/** The text of protocol.md 2.8 for one JSON input. @category errors */
export const tooLarge = (name: string, byteSize: number | bigint, limit: number): InvalidRequest =>
  new InvalidRequest({
    message: `JSON input '${name}' has a byte_size (${byteSize} bytes) that exceeds the maximum allowed value of ` +
      `${limit} bytes. Use --http-max-input-size to increase the limit.`
  })

const unsupported = (target: Target): InvalidRequest =>
  new InvalidRequest({
    message: `receiving ${target.datatype} data via JSON is not supported. ` +
      `Please use the binary data format for input ${target.name}`
  })

/**
 * Reads the array at the cursor.
 *
 * The memory asked of `allocate` is bounded by what the rest of the text can hold: an element takes two bytes of JSON.
 *
 * @category decoding
 */
export const scan = (scanner: JsonScanner, target: Target): Uint8Array => {
  const { count, datatype } = target
  if (scanner.peek() !== 0x5b) throw TensorFault.notAnArray()
  if (datatype === "BYTES") {
    const start = scanner.pos
    const measure = new StringCell.Measure()
    walk(scanner, measure, tooDeep)
    if (measure.byteSize > target.maxByteSize) throw tooLarge(target.name, measure.byteSize, target.maxByteSize)
    const out = target.allocate(measure.byteSize)
    scanner.pos = start
    walk(scanner, new StringCell.Write(out), tooDeep)
    return out
  }
  const size = byteSize(datatype)
  if (count * size > target.maxByteSize) throw tooLarge(target.name, count * size, target.maxByteSize)
  if (datatype === "FP16" || datatype === "BF16") throw unsupported(target)
  const possible = Math.min(count, (scanner.end - scanner.pos + 1) >>> 1)
  const out = target.allocate(possible * size)
  let read: number
  if (datatype === "BOOL") {
    const cell = new BooleanCell.BooleanCell(out)
    walk(scanner, cell, TensorFault.nestedTooDeep)
    read = cell.index
  } else {
    read = NumberReader.read(scanner, target.name, datatype, out)
  }
  if (read !== count) throw TensorFault.tooFew()
  return out
}
