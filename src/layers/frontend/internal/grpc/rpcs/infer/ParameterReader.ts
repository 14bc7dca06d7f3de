/**
 * Reads the entries of `map<string, InferParameter>`.
 *
 * Source: protocol §7.3; protobuf's encoding of maps and oneofs.
 */
import type { WireReader } from "../../../../../../schema/proto/WireReader.ts"

/** The member of the oneof that was sent last, with its value. @internal */
export type WireParameter =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int64"; readonly value: bigint }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "uint64"; readonly value: bigint }
  | { readonly kind: "none" }

/** Tags of a map entry, and of an `InferParameter`. */
const Entry = { key: 10, value: 18 } as const
const Choice = { bool: 8, int64: 16, string: 26, double: 33, uint64: 40 } as const

const none: WireParameter = { kind: "none" }

const choice = (reader: WireReader, before: WireParameter): WireParameter => {
  const outer = reader.open()
  let parameter = before
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case Choice.bool:
        parameter = { kind: "bool", value: reader.bool() }
        break
      case Choice.int64:
        parameter = { kind: "int64", value: reader.int64() }
        break
      case Choice.string:
        parameter = { kind: "string", value: reader.string() }
        break
      case Choice.double:
        parameter = { kind: "double", value: reader.double() }
        break
      case Choice.uint64:
        parameter = { kind: "uint64", value: reader.uint64() }
        break
      default:
        reader.skip(tag)
    }
  }
  reader.close(outer)
  return parameter
}

/** Reads the entry at the cursor, whose tag was read, and gives it to `put`. @internal */
export const readEntry = (reader: WireReader, put: (key: string, parameter: WireParameter) => void): void => {
  const outer = reader.open()
  let key = ""
  let parameter: WireParameter = none
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case Entry.key:
        key = reader.string()
        break
      case Entry.value:
        parameter = choice(reader, parameter)
        break
      default:
        reader.skip(tag)
    }
  }
  reader.close(outer)
  put(key, parameter)
}
