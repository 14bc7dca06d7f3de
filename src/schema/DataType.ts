/**
 * Datatypes of tensors: one row per type, with its names in every vocabulary that meets the server.
 *
 * Source: KServe V2 `datatype`, Triton's `inference.DataType`, ONNX `TensorProto.DataType`, ONNX Runtime's JavaScript types.
 */

/** @category models */
export interface DataTypeInfo {
  /** Name on the wire: KServe V2. */
  readonly name: string
  /** Name in `config.pbtxt`. */
  readonly configName: string
  /** Number of `inference.DataType`. */
  readonly configNumber: number
  /** Number of ONNX's `TensorProto.DataType`. */
  readonly onnx: number
  /** Bytes of one element; 0 where elements vary in length. */
  readonly byteSize: number
  /** Name of the type in onnxruntime-node, `undefined` where the binding cannot carry it. */
  readonly ort: string | undefined
}

const rows = [
  { name: "BOOL", configName: "TYPE_BOOL", configNumber: 1, onnx: 9, byteSize: 1, ort: "bool" },
  { name: "UINT8", configName: "TYPE_UINT8", configNumber: 2, onnx: 2, byteSize: 1, ort: "uint8" },
  { name: "UINT16", configName: "TYPE_UINT16", configNumber: 3, onnx: 4, byteSize: 2, ort: "uint16" },
  { name: "UINT32", configName: "TYPE_UINT32", configNumber: 4, onnx: 12, byteSize: 4, ort: "uint32" },
  { name: "UINT64", configName: "TYPE_UINT64", configNumber: 5, onnx: 13, byteSize: 8, ort: "uint64" },
  { name: "INT8", configName: "TYPE_INT8", configNumber: 6, onnx: 3, byteSize: 1, ort: "int8" },
  { name: "INT16", configName: "TYPE_INT16", configNumber: 7, onnx: 5, byteSize: 2, ort: "int16" },
  { name: "INT32", configName: "TYPE_INT32", configNumber: 8, onnx: 6, byteSize: 4, ort: "int32" },
  { name: "INT64", configName: "TYPE_INT64", configNumber: 9, onnx: 7, byteSize: 8, ort: "int64" },
  { name: "FP16", configName: "TYPE_FP16", configNumber: 10, onnx: 10, byteSize: 2, ort: "float16" },
  { name: "FP32", configName: "TYPE_FP32", configNumber: 11, onnx: 1, byteSize: 4, ort: "float32" },
  { name: "FP64", configName: "TYPE_FP64", configNumber: 12, onnx: 11, byteSize: 8, ort: "float64" },
  { name: "BYTES", configName: "TYPE_STRING", configNumber: 13, onnx: 8, byteSize: 0, ort: "string" },
  { name: "BF16", configName: "TYPE_BF16", configNumber: 14, onnx: 16, byteSize: 2, ort: undefined }
] as const satisfies ReadonlyArray<DataTypeInfo>

/** Name of a datatype on the wire. @category models */
export type DataType = (typeof rows)[number]["name"]
/** Name of a datatype in a model configuration. @category models */
export type ConfigDataType = (typeof rows)[number]["configName"]
/** Name of a datatype in onnxruntime-node. @category models */
export type OrtDataType = Exclude<(typeof rows)[number]["ort"], undefined>

interface Row extends DataTypeInfo {
  readonly name: DataType
  readonly configName: ConfigDataType
  readonly ort: OrtDataType | undefined
}

/** Every datatype, in the order of `inference.DataType`. @category models */
export const table: ReadonlyArray<Row> = rows

const byName = new Map<string, Row>(rows.map((row) => [row.name, row]))
const byConfigName = new Map<string, Row>(rows.map((row) => [row.configName, row]))
const byOnnx = new Map<number, Row>(rows.map((row) => [row.onnx, row]))
const byOrt = new Map<string, Row>(rows.flatMap((row) => row.ort === undefined ? [] : [[row.ort, row]]))

/** The row of a wire name. @category getters */
export const fromName = (name: string): Row | undefined => byName.get(name)
/** The row of a `config.pbtxt` name. @category getters */
export const fromConfigName = (name: string): Row | undefined => byConfigName.get(name)
/** The row of an ONNX element type. @category getters */
export const fromOnnx = (elemType: number): Row | undefined => byOnnx.get(elemType)
/** The row of a type of onnxruntime-node. @category getters */
export const fromOrt = (type: string): Row | undefined => byOrt.get(type)
/** Bytes of one element of a datatype, 0 for BYTES. @category getters */
export const byteSize = (name: DataType): number => byName.get(name)!.byteSize
