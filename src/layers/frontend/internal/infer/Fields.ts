/** Values of the members of an envelope, kept until their turn to be judged comes. */
import type { JsonScanner } from "../json/JsonScanner.ts"
import * as RequestFault from "./RequestFault.ts"

/** The member is not there. @internal */
export const absent: unique symbol = Symbol("absent")

/** A member's scalar value; `undefined` stands for an array or object. @internal */
export type Field = ReturnType<JsonScanner["scalar"]> | typeof absent

/** @internal */
export const text = (field: Field, key: string, verb: "parse" | "set" = "parse"): string => {
  if (typeof field === "string") return field
  throw field === absent ? RequestFault.missing(key) : RequestFault.wrongKind(key, "string", "string", verb)
}

/** @internal */
export const unsigned = (field: Field, key: string, verb: "parse" | "set" = "parse"): number | bigint => {
  if ((typeof field === "number" || typeof field === "bigint") && field >= 0) return field
  throw RequestFault.wrongKind(key, "unsigned-integer", "unsigned-integer", verb)
}

/** @internal */
export const flag = (field: Field, key: string, verb: "parse" | "set" = "parse"): boolean => {
  if (typeof field === "boolean") return field
  throw RequestFault.wrongKind(key, "boolean", "boolean", verb)
}

/** Where in shared memory a tensor lies. @internal */
export interface Place {
  readonly region: string
  readonly offset: number | bigint
  readonly byteSize: number | bigint
}

/** Members of a tensor's `parameters`. @internal */
export class TensorParameters {
  binaryDataSize: Field = absent
  binaryData: Field = absent
  classification: Field = absent
  region: Field = absent
  regionOffset: Field = absent
  regionByteSize: Field = absent

  /** Reads the value at the cursor; one that is not an object counts as empty. Of duplicates the first counts. */
  read(scanner: JsonScanner): void {
    if (scanner.peek() !== 0x7b) return scanner.skip()
    if (!scanner.openObject()) return
    do {
      switch (scanner.key()) {
        case "binary_data_size":
          this.binaryDataSize = first(this.binaryDataSize, scanner)
          break
        case "binary_data":
          this.binaryData = first(this.binaryData, scanner)
          break
        case "classification":
          this.classification = first(this.classification, scanner)
          break
        case "shared_memory_region":
          this.region = first(this.region, scanner)
          break
        case "shared_memory_offset":
          this.regionOffset = first(this.regionOffset, scanner)
          break
        case "shared_memory_byte_size":
          this.regionByteSize = first(this.regionByteSize, scanner)
          break
        default:
          scanner.skip()
      }
    } while (scanner.moreMembers())
  }

  /** The part of a region that the tensor names, after its three members were judged. A size that is missing counts as 0. */
  place(): Place {
    const region = text(this.region, "shared_memory_region")
    const offset = this.regionOffset === absent ? 0 : unsigned(this.regionOffset, "shared_memory_offset")
    const byteSize = this.regionByteSize === absent ? 0 : unsigned(this.regionByteSize, "shared_memory_byte_size")
    return { region, offset, byteSize }
  }
}

/** Reads a scalar for a member that has no value yet, moves over it otherwise. @internal */
export const first = (field: Field, scanner: JsonScanner): Field => {
  if (field === absent) return scanner.scalar()
  scanner.skip()
  return field
}
