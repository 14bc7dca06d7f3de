/** Inputs and outputs as an ONNX file describes them. Source: `ValueInfoProto` of `onnx.proto3`, ONNX 1.17. */
import type { DataType } from "../../../../schema/DataType.ts"
import * as DataTypes from "../../../../schema/DataType.ts"
import { eachField, text } from "./ProtobufWalk.ts"

/** What kind of value an input or output is; `unknown` where the file gives no type. @category models */
export type ValueKind = "tensor" | "sparse" | "sequence" | "map" | "optional" | "opaque" | "unknown"

/** An input or output of the graph. @category models */
export interface OnnxValue {
  readonly name: string
  readonly kind: ValueKind
  /** Number of ONNX's `TensorProto.DataType`; 0 where there is none. */
  readonly elemType: number
  /** `undefined` for element types outside the table of datatypes. */
  readonly datatype: DataType | undefined
  /** -1 for symbolic, absent and negative dimensions; `[]` also where the file gives no shape. */
  readonly shape: ReadonlyArray<number>
  /** Names of the dimensions, `""` where a dimension has none. */
  readonly symbols: ReadonlyArray<string>
  /** `false` where the file gives no shape at all. */
  readonly ranked: boolean
}

const readDimension = (bytes: Uint8Array): { readonly size: number; readonly symbol: string } => {
  let size = -1
  let symbol = ""
  eachField(bytes, (field, payload) => {
    if (field.number === 1 && field.wireType === 0) size = Math.max(field.value, -1)
    else if (field.number === 2 && field.wireType === 2) {
      size = -1
      symbol = text(payload)
    }
  })
  return { size, symbol }
}

const kindOfField: Readonly<Record<number, ValueKind>> = {
  1: "tensor",
  4: "sequence",
  5: "map",
  7: "opaque",
  8: "sparse",
  9: "optional"
}

/** Decodes a `ValueInfoProto`. @category decoding */
export const readValue = (bytes: Uint8Array): OnnxValue => {
  let name = ""
  let kind: ValueKind = "unknown"
  let elemType = 0
  let ranked = false
  const shape: Array<number> = []
  const symbols: Array<string> = []
  eachField(bytes, (field, payload) => {
    if (field.number === 1 && field.wireType === 2) name = text(payload)
    if (field.number !== 2 || field.wireType !== 2) return
    eachField(payload, (type, content) => {
      const found = kindOfField[type.number]
      if (found === undefined || type.wireType !== 2) return
      kind = found
      if (kind !== "tensor" && kind !== "sparse") return
      eachField(content, (part, dimensions) => {
        if (part.number === 1 && part.wireType === 0) elemType = part.value
        if (part.number !== 2 || part.wireType !== 2) return
        ranked = true
        eachField(dimensions, (dimension, description) => {
          if (dimension.number !== 1 || dimension.wireType !== 2) return
          const { size, symbol } = readDimension(description)
          shape.push(size)
          symbols.push(symbol)
        })
      })
    })
  })
  return { name, kind, elemType, datatype: DataTypes.fromOnnx(elemType)?.name, shape, symbols, ranked }
}
