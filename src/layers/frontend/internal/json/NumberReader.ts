/**
 * Reads a JSON array of numbers, nested in whatever way, into a tensor: floats rounded exactly as `JSON.parse` (and `Math.fround` for
 * FP32) would, integers exact and within the range of their datatype.
 *
 * The text goes through the kernels window by window; the few literals that they do not take are converted here.
 */
import type { DataType } from "../../../../schema/DataType.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import * as FewIntegers from "./FewIntegers.ts"
import type { JsonScanner } from "./JsonScanner.ts"
import { malformed } from "./JsonSyntax.ts"
import { input, lookAhead, output, windowSize } from "./KernelMemory.ts"
import { stops } from "./KernelWalk.ts"
import { kernels, memory } from "./NumberKernel.ts"
import * as TensorFault from "./TensorFault.ts"

/** The first window is small: most tensors that come as JSON are. */
const firstWindow = 1024
const largestSingle = 3.4028234663852886e38

/** What the numbers of a datatype are. */
interface Kind {
  readonly size: number
  readonly isFloat: boolean
  readonly lowest: bigint
  readonly highest: bigint
  /** The highest that a kernel takes. */
  readonly kernelHighest: bigint
  /** What numbers of few digits have to lie within. */
  readonly fewLowest: number
  readonly fewHighest: number
}

const kindOf = (datatype: DataType): Kind => {
  const size = byteSize(datatype)
  const bits = BigInt(size * 8)
  const signed = datatype.startsWith("INT")
  const highest = (1n << (signed ? bits - 1n : bits)) - 1n
  return {
    size,
    isFloat: datatype === "FP32" || datatype === "FP64",
    lowest: signed ? -(1n << (bits - 1n)) : 0n,
    highest,
    kernelHighest: highest > 0x7fff_ffff_ffff_ffffn ? 0x7fff_ffff_ffff_ffffn : highest,
    fewLowest: signed ? -(2 ** (size * 8 - 1)) : 0,
    fewHighest: Number(highest)
  }
}

/** Computed once for each datatype: arithmetic with bigints takes longer than a small tensor. */
const kinds = new Map<DataType, Kind>()

const known = (datatype: DataType): Kind => {
  let kind = kinds.get(datatype)
  if (kind === undefined) kinds.set(datatype, kind = kindOf(datatype))
  return kind
}

class NumberReader {
  private readonly scanner: JsonScanner
  private readonly name: string
  private readonly datatype: DataType
  private readonly size: number
  private readonly isFloat: boolean
  private readonly lowest: bigint
  private readonly highest: bigint
  private readonly kernelHighest: bigint
  private readonly out: Uint8Array
  private lazyView: DataView | undefined = undefined
  private offset = 0

  constructor(scanner: JsonScanner, name: string, datatype: DataType, kind: Kind, out: Uint8Array) {
    this.scanner = scanner
    this.name = name
    this.datatype = datatype
    this.size = kind.size
    this.isFloat = kind.isFloat
    this.lowest = kind.lowest
    this.highest = kind.highest
    this.kernelHighest = kind.kernelHighest
    this.out = out
  }

  private get view(): DataView {
    return this.lazyView ??= new DataView(this.out.buffer, this.out.byteOffset, this.out.byteLength)
  }

  read(): number {
    const { kernelHighest, scanner } = this
    let depth = 0
    let expecting = 1
    let capacity = firstWindow
    for (;;) {
      const start = scanner.pos
      const length = Math.min(capacity, scanner.end - start)
      memory.set(scanner.bytes.subarray(start, start + length), input)
      // Zeros end every literal, and a kernel stops at them: only the last window may be read to its end.
      memory.fill(0, input + length, input + length + lookAhead)
      const safe = start + length === scanner.end ? input + length + 1 : input + length - lookAhead
      capacity = windowSize
      let position = input
      for (;;) {
        const room = Math.min(windowSize * 4, this.out.length - this.offset)
        const reason = this.isFloat
          ? kernels.floats(position, safe, output, output + room, depth, expecting, this.size === 4 ? 1 : 0)
          : kernels.integers(
            position,
            safe,
            output,
            output + room,
            depth,
            expecting,
            this.size,
            this.lowest,
            kernelHighest
          )
        position = kernels[0].value
        scanner.pos = start + position - input
        const filled = kernels[1].value
        if (filled > output) {
          this.out.set(memory.subarray(output, filled), this.offset)
          this.offset += filled - output
        }
        depth = kernels[2].value
        expecting = kernels[3].value
        if (reason === stops.closed) return this.offset / this.size
        if (reason === stops.separator) throw malformed("commaOrBracket", scanner.pos)
        if (reason === stops.depth) throw TensorFault.nestedTooDeep()
        if (reason === stops.window) break
        if (this.offset === this.out.length) throw TensorFault.tooMany()
        this.literal()
        expecting = 0
        position = input + scanner.pos - start
        if (position > safe) break
      }
    }
  }

  /** Reads the literal at the cursor. */
  private literal(): void {
    if (this.isFloat) this.float()
    else this.integer()
    this.offset += this.size
  }

  private float(): void {
    const c = this.scanner.peek()
    if (c === 0x22 || c === 0x74 || c === 0x66 || c === 0x6e || c === 0x5b || c === 0x7b) {
      throw TensorFault.wrongKind("number", "double")
    }
    const value = this.scanner.number()
    if (this.size === 8) return this.view.setFloat64(this.offset, value, true)
    if (Math.abs(Math.fround(value)) > largestSingle && Number.isFinite(value)) throw this.outOfRange()
    this.view.setFloat32(this.offset, value, true)
  }

  private integer(): void {
    const { lowest, offset, scanner, size, view } = this
    const kind = lowest === 0n ? "unsigned-integer" : "signed-integer"
    const c = scanner.peek()
    if (c !== 0x2d && (c < 0x30 || c > 0x39)) throw TensorFault.wrongKind(kind, kind)
    const start = scanner.pos
    scanner.skipNumber()
    if (!scanner.integral) throw TensorFault.wrongKind(kind, kind)
    // Twenty digits and a sign hold every 64-bit integer; the check also bounds what becomes a bigint.
    if (scanner.pos - start > 21) throw this.outOfRange()
    const value = BigInt(scanner.ascii(start, scanner.pos))
    if (value < lowest || value > this.highest) throw this.outOfRange()
    if (size === 8) view.setBigInt64(offset, value, true)
    else if (size === 4) view.setInt32(offset, Number(value), true)
    else if (size === 2) view.setInt16(offset, Number(value), true)
    else view.setInt8(offset, Number(value))
  }

  private outOfRange(): Error {
    return TensorFault.outOfRange(this.name, this.offset / this.size, this.datatype)
  }
}

/**
 * Reads the array at the cursor into `out` and gives the count of its elements. Fails where there are more than `out` holds.
 *
 * @internal
 */
export const read = (scanner: JsonScanner, name: string, datatype: DataType, out: Uint8Array): number => {
  const kind = known(datatype)
  const { fewHighest, fewLowest, isFloat, size } = kind
  if (!isFloat && out.length <= FewIntegers.most * size) {
    const behind = FewIntegers.read(scanner.bytes, scanner.pos, scanner.end, size, fewLowest, fewHighest, out)
    if (behind >= 0) {
      scanner.pos = behind
      return out.length / size
    }
  }
  return new NumberReader(scanner, name, datatype, kind, out).read()
}
