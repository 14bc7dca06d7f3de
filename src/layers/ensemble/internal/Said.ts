/** What the parts of an ensemble say of a tensor, and whether it agrees. Texts are Triton's. Source: scheduling §5.1. */
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import { type DataType, fromName } from "../../../schema/DataType.ts"
import type { SignatureTensor } from "../../../schema/ModelSignature.ts"

/** @category models */
export interface Said {
  /** Who says it: `model m`, or a parameter of the config. */
  readonly by: string
  readonly datatype: DataType
  /** Complete shapes that it may have, one of which is enough; -1 stands for any size. None: any shape at all. */
  readonly shapes: ReadonlyArray<ReadonlyArray<number>>
  /** The same without the dimension of the batch, compared among themselves. */
  readonly dims: ReadonlyArray<number> | undefined
}

/** A tensor of the ensemble itself, as its steps see it. @category constructors */
export const inside = (ensemble: string, { batchAxis, datatype, modelShape }: SignatureTensor): Said => ({
  by: `model ${ensemble}`,
  datatype,
  shapes: [modelShape],
  dims: modelShape.length === 0 ? modelShape : BatchAxis.remove(modelShape, batchAxis)
})

/** A tensor of a step's model. @category constructors */
export const plain = (model: string, { datatype, dims, shape }: SignatureTensor): Said => ({
  by: `model ${model}`,
  datatype,
  shapes: [shape],
  dims
})

/** A tensor whose rows are the parts that a step gets. A row is a batch of one, or what the model takes. @category constructors */
export const divided = (model: string, { batchAxis, datatype, dims }: SignatureTensor): Said => ({
  by: `model ${model}`,
  datatype,
  shapes: batchAxis === BatchAxis.none && (dims[0] === 1 || dims[0] === -1)
    ? [[-1, ...dims], [-1, ...dims.slice(1)]]
    : [[-1, ...dims]],
  dims: undefined
})

/** A tensor that is put together from rows of parts. @category constructors */
export const rows = (model: string, { datatype, shape }: SignatureTensor): Said => ({
  by: `model ${model}`,
  datatype,
  shapes: [shape.length === 0 ? [-1] : shape.with(0, -1)],
  dims: undefined
})

/** The elements of all parts, one after another. @category constructors */
export const flat = (model: string, { datatype }: SignatureTensor, written: boolean): Said => ({
  by: `model ${model}`,
  datatype,
  shapes: written ? [[-1]] : [],
  dims: undefined
})

/** The shapes of parts: a row for each. @category constructors */
export const shapesOf = (by: string, { batchAxis, dims }: SignatureTensor, written: boolean): Said => ({
  by,
  datatype: "INT64",
  shapes: batchAxis === BatchAxis.none || written ? [[-1, dims.length]] : [[-1, dims.length], [-1, dims.length + 1]],
  dims: undefined
})

/** One truth value of whatever rank. @category constructors */
export const condition = (by: string, of: Said | undefined): Said => {
  const ones = (of?.shapes ?? []).map((shape) => shape.map(() => 1))
  return { by, datatype: "BOOL", shapes: ones.length === 0 ? [[1]] : ones, dims: undefined }
}

const matches = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i] || size === -1 || b[i] === -1)

const agree = (a: Said, b: Said): boolean =>
  a.shapes.length === 0 || b.shapes.length === 0 ||
  (a.dims !== undefined && b.dims !== undefined && matches(a.dims, b.dims)) ||
  a.shapes.some((one) => b.shapes.some((other) => matches(one, other)))

const typeName = ({ datatype }: Said): string => fromName(datatype)!.configName
const shapeText = ({ shapes }: Said): string => shapes.map((shape) => `[${shape.join()}]`).join(" or ")

/** How two of them disagree; `undefined`: they do not. @category guards */
export const conflict = (first: Said, second: Said): string | undefined => {
  const text = (what: string, a: string, b: string) =>
    `inconsistent ${what}: ${a} is inferred from ${first.by} while ${b} is inferred from ${second.by}`
  if (first.datatype !== second.datatype) return text("data type", typeName(first), typeName(second))
  return agree(first, second) ? undefined : text("shape", shapeText(first), shapeText(second))
}
