/** The inputs and outputs of a model as loading sees them: what its file says, corrected by what the runtime says. */
import type { DataType } from "../../../../schema/DataType.ts"
import * as DataTypes from "../../../../schema/DataType.ts"
import type { ModelInspection, SessionTensor } from "../../../../services/Executor.ts"
import type { OnnxModelInfo } from "./OnnxReader.ts"
import type { OnnxValue, ValueKind } from "./OnnxValue.ts"

/** @category models */
export interface IoTensor {
  readonly name: string
  readonly kind: ValueKind
  /** `undefined` where the server cannot name the element type. */
  readonly datatype: DataType | undefined
  /** The element type in words, also where `datatype` is `undefined`. */
  readonly typeName: string
  /** -1 for symbolic, absent and negative dimensions. */
  readonly shape: ReadonlyArray<number>
  /** `false` where neither the file nor the runtime knows the rank: then `shape` is `[]`, as it is for scalars. */
  readonly ranked: boolean
  /** It belongs to a custom model, and need not be what ONNX Runtime's binding can carry. Default: `false`. */
  readonly custom?: boolean
}

/** @category models */
export interface ModelIo {
  /** Inputs that every run needs, in graph order. */
  readonly inputs: ReadonlyArray<IoTensor>
  /** In graph order. */
  readonly outputs: ReadonlyArray<IoTensor>
  /** Inputs with a stored value that a run may replace, in graph order. */
  readonly overridable: ReadonlyArray<IoTensor>
  /** As `OnnxModelInfo` has them. Absent: unknown, as for custom models. */
  readonly operators?: ReadonlySet<string>
}

const onnxNames: Readonly<Record<number, string>> = {
  1: "FLOAT",
  2: "UINT8",
  3: "INT8",
  4: "UINT16",
  5: "INT16",
  6: "INT32",
  7: "INT64",
  8: "STRING",
  9: "BOOL",
  10: "FLOAT16",
  11: "DOUBLE",
  12: "UINT32",
  13: "UINT64",
  14: "COMPLEX64",
  15: "COMPLEX128",
  16: "BFLOAT16",
  17: "FLOAT8E4M3FN",
  18: "FLOAT8E4M3FNUZ",
  19: "FLOAT8E5M2",
  20: "FLOAT8E5M2FNUZ",
  21: "UINT4",
  22: "INT4",
  23: "FLOAT4E2M1",
  24: "FLOAT8E8M0",
  25: "UINT2",
  26: "INT2"
}

/** ONNX's name of an element type, as Triton prints it. @category getters */
export const onnxTypeName = (elemType: number): string => onnxNames[elemType] ?? `type number ${elemType}`

/** ONNX's name of a datatype, as Triton prints it. @category getters */
export const onnxNameOf = (datatype: DataType): string => onnxTypeName(DataTypes.fromName(datatype)!.onnx)

const fromFile = (value: OnnxValue): IoTensor => ({
  name: value.name,
  kind: value.kind,
  datatype: value.datatype,
  typeName: value.kind === "tensor" ? value.datatype ?? onnxTypeName(value.elemType) : value.kind,
  shape: value.shape,
  ranked: value.ranked
})

const notTensor = (value: OnnxValue | undefined): ValueKind =>
  value === undefined || value.kind === "tensor" || value.kind === "unknown" ? "opaque" : value.kind

const fromSession = (tensor: SessionTensor, value: OnnxValue | undefined): IoTensor => {
  const datatype = DataTypes.fromOrt(tensor.type)?.name
  return {
    name: tensor.name,
    // Where neither says what kind of value it is, it is still none that a request can carry.
    kind: tensor.isTensor ? "tensor" : notTensor(value),
    datatype,
    typeName: datatype ?? tensor.type.toUpperCase(),
    shape: tensor.shape,
    // The runtime reports an unknown shape as that of a scalar.
    ranked: tensor.shape.length > 0 || (value?.ranked ?? true)
  }
}

/** What the file alone says, before the runtime opened it. @category constructors */
export const fromInfo = (info: OnnxModelInfo): ModelIo => ({
  inputs: info.inputs.map(fromFile),
  outputs: info.outputs.map(fromFile),
  overridable: info.overridableInitializers.map(fromFile),
  operators: info.operators
})

/**
 * What the runtime says, whose shapes went through its own inference; the file adds the kinds of values that are no tensors
 * and the overridable initializers, which the runtime's JavaScript binding does not report.
 *
 * @category constructors
 */
export const merge = (info: OnnxModelInfo, inspection: ModelInspection): ModelIo => {
  const known = new Map([...info.inputs, ...info.outputs].map((value) => [value.name, value]))
  const merged = (tensors: ReadonlyArray<SessionTensor>) =>
    tensors.map((tensor) => fromSession(tensor, known.get(tensor.name)))
  return {
    inputs: merged(inspection.inputs),
    outputs: merged(inspection.outputs),
    overridable: info.overridableInitializers.map(fromFile),
    operators: info.operators
  }
}

/** A shape as Triton prints it: `[-1,16]`. @category formatting */
export const formatShape = (shape: ReadonlyArray<number>): string => `[${shape.join(",")}]`

const maxRows = 50

/** The model's own inputs and outputs as a table of plain text, for the end of an error message. @category formatting */
export const formatTable = (io: ModelIo): string => {
  const row = (role: string) => (tensor: IoTensor): ReadonlyArray<string> => [
    role,
    tensor.name,
    tensor.typeName,
    tensor.kind !== "tensor" ? "-" : tensor.ranked ? formatShape(tensor.shape) : "unknown"
  ]
  const all = [
    ...io.inputs.map(row("input")),
    ...io.overridable.map(row("optional input")),
    ...io.outputs.map(row("output"))
  ]
  const rows = [["", "name", "datatype", "shape"], ...all.slice(0, maxRows)]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  const lines = rows.map((cells) =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()}`
  )
  const more = all.length > maxRows ? [`  … and ${all.length - maxRows} more`] : []
  return ["The model's own inputs and outputs:", ...lines, ...more].join("\n")
}
