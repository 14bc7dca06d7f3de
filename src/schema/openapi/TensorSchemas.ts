/** Schemas of what one model takes and gives, as JSON: with no binary tensors but for the types that JSON cannot carry. */
import type { DataType } from "../DataType.ts"
import type { ModelSignature, SignatureTensor } from "../ModelSignature.ts"
import { flag, type JsonSchema, list, record, reference, text } from "./JsonSchema.ts"

/** Bounds of the integers whose bounds a JSON number can name exactly. */
const bounds: Readonly<Partial<Record<DataType, readonly [minimum: number, maximum: number]>>> = {
  UINT8: [0, 255],
  UINT16: [0, 65_535],
  UINT32: [0, 4_294_967_295],
  INT8: [-128, 127],
  INT16: [-32_768, 32_767],
  INT32: [-2_147_483_648, 2_147_483_647]
}

/** One element; `undefined` where JSON cannot carry the type. */
const elementOf = (datatype: DataType): JsonSchema | undefined => {
  if (datatype === "FP16" || datatype === "BF16") return undefined
  if (datatype === "BYTES") return text
  if (datatype === "BOOL") return flag
  if (datatype === "INT64") return { type: "integer", format: "int64" }
  if (datatype === "UINT64") return { type: "integer", format: "uint64", minimum: 0 }
  const [minimum, maximum] = bounds[datatype] ?? []
  return minimum === undefined ? { type: "number" } : { type: "integer", minimum, maximum: maximum! }
}

const shapeOf = ({ batchAxis, shape }: SignatureTensor, maxBatchSize: number): JsonSchema => ({
  type: "array",
  prefixItems: shape.map((dim, axis) =>
    axis === batchAxis
      ? { type: "integer", minimum: 1, maximum: maxBatchSize }
      : dim < 0
      ? { type: "integer", minimum: 0 }
      : { type: "integer", const: dim }
  ),
  minItems: shape.length,
  maxItems: shape.length
})

/** Flat or nested: what counts is the number of elements, which no schema can compare with `shape`. */
const dataOf = (datatype: DataType, rank: number): JsonSchema | undefined => {
  const element = elementOf(datatype)
  if (element === undefined) return undefined
  const flat = list(element)
  if (rank < 2) return flat
  let nested = flat
  for (let level = 1; level < rank; level++) nested = list(nested)
  return { anyOf: [flat, nested] }
}

const inputOf = (tensor: SignatureTensor, maxBatchSize: number): JsonSchema => {
  const { datatype, name, shape } = tensor
  const data = dataOf(datatype, shape.length)
  const common = {
    name: { const: name },
    datatype: { const: datatype },
    shape: shapeOf(tensor, maxBatchSize),
    parameters: reference("Parameters")
  }
  return data === undefined
    ? {
      ...record(common, ["name", "datatype", "shape", "parameters"]),
      description: `${datatype} travels in binary only: its bytes follow the JSON, see binary_data_size.`
    }
    : record({ ...common, data }, ["name", "datatype", "shape", "data"])
}

const outputOf = ({ datatype, name, shape }: SignatureTensor): JsonSchema => {
  // A classification changes datatype and shape, a binary output has no `data`.
  const data = dataOf(datatype, shape.length)
  return record({
    name: { const: name },
    datatype: { type: "string", enum: datatype === "BYTES" ? ["BYTES"] : [datatype, "BYTES"] },
    shape: list({ type: "integer", minimum: 0 }),
    parameters: reference("Parameters"),
    ...(data === undefined ? {} : { data: { anyOf: [data, list(text)] } })
  }, ["name", "datatype", "shape"])
}

const anyOf = (schemas: ReadonlyArray<JsonSchema>): JsonSchema =>
  schemas.length === 1 ? schemas[0]! : { anyOf: schemas }

const contains = (name: string): JsonSchema => ({
  contains: { type: "object", properties: { name: { const: name } }, required: ["name"] }
})

/** A request of a model: each of its inputs once, those that may be left out at will. @category constructors */
export const request = ({ inputs, maxBatchSize, outputs, requiredInputs }: ModelSignature): JsonSchema =>
  record({
    id: text,
    parameters: reference("Parameters"),
    inputs: {
      type: "array",
      items: anyOf(inputs.map((input) => inputOf(input, maxBatchSize))),
      minItems: requiredInputs,
      maxItems: inputs.length,
      allOf: inputs.filter(({ optional }) => !optional).map(({ name }) => contains(name))
    },
    outputs: {
      type: "array",
      items: record({
        name: { type: "string", enum: outputs.map(({ name }) => name) },
        parameters: reference("Parameters")
      }, ["name"])
    }
  }, ["inputs"])

/** An answer of a model. @category constructors */
export const response = ({ outputs }: ModelSignature, model: string): JsonSchema =>
  record({
    id: text,
    model_name: { const: model },
    model_version: text,
    parameters: reference("Parameters"),
    outputs: { type: "array", items: anyOf(outputs.map(outputOf)), maxItems: outputs.length }
  }, ["model_name", "model_version", "outputs"])
