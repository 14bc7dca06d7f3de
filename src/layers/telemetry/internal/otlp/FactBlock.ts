/** Attributes that many spans have in common, as what is said of a connection is: bounded and written once. */
import type { Facts } from "../../spans/OwnSpan.ts"
import { bounded } from "../../spans/SpanValues.ts"
import * as AttributesProtobuf from "./AttributesProtobuf.ts"
import * as AttributeValues from "./AttributeValues.ts"
import { Blocks } from "./Block.ts"
import { ReverseWriter } from "./ReverseWriter.ts"

/** @category models */
export class FactBlock {
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<AttributeValues.Value>
  private written: Uint8Array | undefined = undefined

  private readonly known: ReadonlySet<string>

  constructor(facts: Facts, maxLength: number, limit: number) {
    // Of a name that is there twice, the last value counts.
    const all = new Map(facts)
    this.names = [...all.keys()]
    this.values = [...all.values()].map((value) =>
      AttributeValues.of(typeof value === "string" ? bounded(value, maxLength) : value, limit)
    )
    this.known = new Set(this.names)
  }

  has(name: string): boolean {
    return this.known.has(name)
  }

  /** The fields of a span in protobuf. */
  get bytes(): Uint8Array {
    return this.written ??= this.write()
  }

  private write(): Uint8Array {
    const writer = new ReverseWriter(new Blocks(512, 0))
    AttributesProtobuf.write(writer, AttributesProtobuf.spanField, this.names, this.values)
    return writer.take().bytes.slice()
  }
}

/** Blocks by the lists that they were made of, for as long as these are there. @category models */
export class FactBlocks {
  private readonly limit: number
  private readonly blocks = new WeakMap<Facts, FactBlock>()

  /** `limit`: characters of a text. */
  constructor(limit: number) {
    this.limit = limit
  }

  of(facts: Facts, maxLength: number): FactBlock {
    const known = this.blocks.get(facts)
    if (known !== undefined) return known
    const block = new FactBlock(facts, maxLength, this.limit)
    this.blocks.set(facts, block)
    return block
  }
}
