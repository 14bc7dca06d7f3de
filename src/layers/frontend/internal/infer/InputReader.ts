/** Reads one element of `inputs`, and makes a tensor of it. */
import type { DataType } from "../../../../schema/DataType.ts"
import { fromName } from "../../../../schema/DataType.ts"
import { InvalidRequest } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import { isReadFailure } from "../json/JsonAccess.ts"
import type { JsonScanner } from "../json/JsonScanner.ts"
import * as TensorScanner from "../json/TensorScanner.ts"
import type { TensorsOfRequest } from "./ClientTensors.ts"
import type { DecodeOptions } from "./DecodedRequest.ts"
import { ordinaryMemory } from "./DecodedRequest.ts"
import { absent, type Field, first, TensorParameters, text, unsigned } from "./Fields.ts"
import * as RequestFault from "./RequestFault.ts"
import { ShapeReader } from "./ShapeReader.ts"

const nothing = new Uint8Array(0)

/** The bytes behind the JSON, taken by inputs one after the other. @internal */
export class BinarySection {
  private readonly body: Uint8Array
  private offset: number
  constructor(body: Uint8Array, offset: number) {
    this.body = body
    this.offset = offset
  }

  take(size: number | bigint, input: string, model: string): Uint8Array {
    const left = this.body.length - this.offset
    if (size > left) {
      throw RequestFault.invalid(
        `unexpected size for input '${input}', expecting ${
          BigInt(size) - BigInt(left)
        } additional bytes for model '${model}'`
      )
    }
    const start = this.offset
    this.offset += Number(size)
    return new Uint8Array(this.body.buffer, this.body.byteOffset + start, Number(size))
  }

  isUsedUp(): boolean {
    return this.offset === this.body.length
  }
}

/** @internal */
export class InputReader {
  private name: Field = absent
  private datatype: Field = absent
  private readonly shape = new ShapeReader()
  private readonly parameters = new TensorParameters()
  private readonly options: DecodeOptions
  /** Where `data` starts, −1 where there is none. */
  dataStart = -1
  /** Where it ends, if it was converted there; −1 otherwise. */
  dataEnd = -1
  private data: Uint8Array | undefined = undefined
  private dataFault: Error | undefined = undefined

  constructor(options: DecodeOptions) {
    this.options = options
  }

  /** Reads the value at the cursor. Fails for syntax alone; all else is told by {@link tensor}. */
  read(scanner: JsonScanner): void {
    if (scanner.peek() !== 0x7b) return scanner.skip()
    if (!scanner.openObject()) return
    do {
      switch (scanner.key()) {
        case "name":
          this.name = first(this.name, scanner)
          break
        case "datatype":
          this.datatype = first(this.datatype, scanner)
          break
        case "shape":
          this.shape.read(scanner)
          break
        case "parameters":
          this.parameters.read(scanner)
          break
        case "data":
          this.readData(scanner)
          break
        default:
          scanner.skip()
      }
    } while (scanner.moreMembers())
  }

  /** Converts `data` on the way where all that is needed has been read; otherwise remembers where it is. */
  private readData(scanner: JsonScanner): void {
    const start = scanner.pos
    if (
      this.dataStart >= 0 || typeof this.name !== "string" || typeof this.datatype !== "string" || !this.shape.isGood()
    ) {
      if (this.dataStart < 0) this.dataStart = start
      return scanner.skip()
    }
    this.dataStart = start
    try {
      this.data = this.convert(scanner, this.name, this.datatype)
      this.dataEnd = scanner.pos
    } catch (thrown) {
      if (!isReadFailure(thrown)) throw thrown
      this.dataFault = thrown
      scanner.pos = start
      try {
        scanner.skip()
      } catch (second) {
        // What is not JSON goes first. Nesting that is too deep ends the reading, with the words for tensor data.
        throw second instanceof InvalidRequest ? thrown : second
      }
    }
  }

  private convert(scanner: JsonScanner, name: string, type: string): Uint8Array {
    const datatype = this.known(type, name)
    const { allocate = ordinaryMemory, maxInputSize } = this.options
    const count = this.shape.elementCount(name, datatype, maxInputSize)
    if (count === 0) {
      scanner.skip()
      return nothing
    }
    return TensorScanner.scan(scanner, { name, datatype, count, maxByteSize: maxInputSize, allocate })
  }

  private known(type: string, name: string): DataType {
    const row = fromName(type)
    if (row === undefined) throw RequestFault.invalid(`invalid datatype for input ${name}`)
    return row.name
  }

  /**
   * The tensor: a view of `section`, memory of its own, or one of `tensors` whose bytes come later. `taken` tells whether an input of that name
   * came before.
   */
  tensor(
    scanner: JsonScanner,
    section: BinarySection,
    taken: (name: string) => boolean,
    tensors: TensorsOfRequest
  ): Tensor {
    const { parameters } = this
    const hasData = this.dataStart >= 0
    const hasBinary = parameters.binaryDataSize !== absent
    const hasRegion = parameters.region !== absent
    if (Number(hasData) + Number(hasBinary) + Number(hasRegion) !== 1) {
      throw RequestFault.sources(hasData, hasBinary, hasRegion)
    }
    const name = text(this.name, "name")
    const type = text(this.datatype, "datatype")
    this.shape.check()
    if (taken(name)) throw new RequestFault.ListedTwice("input", name)
    if (hasRegion) {
      const { byteSize, offset, region } = parameters.place()
      const tensor = { name, datatype: this.known(type, name), shape: this.shape.shape(), data: nothing }
      tensors.inRegion(region).input(tensor, region, offset, byteSize)
      return tensor
    }
    const data = hasBinary
      ? section.take(unsigned(parameters.binaryDataSize, "binary_data_size"), name, this.options.modelName)
      : this.converted(scanner, name, type)
    return { name, datatype: this.known(type, name), shape: this.shape.shape(), data }
  }

  private converted(scanner: JsonScanner, name: string, type: string): Uint8Array {
    if (this.dataFault !== undefined) throw this.dataFault
    if (this.data !== undefined) return this.data
    const pos = scanner.pos
    scanner.pos = this.dataStart
    try {
      return this.convert(scanner, name, type)
    } finally {
      scanner.pos = pos
    }
  }
}
