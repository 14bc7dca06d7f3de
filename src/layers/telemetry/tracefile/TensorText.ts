/**
 * Tensors as the trace file shows them: their values as one text, with commas between.
 *
 * Source: scheduling §10.5.
 */
import type { DataType } from "../../../schema/DataType.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import * as Values from "../../../schema/Tensor.ts"

/** How many elements are written before the length is looked at again. */
const piece = 4096

const special = (value: number): string | undefined =>
  Number.isNaN(value)
    ? "nan"
    : value === Infinity
    ? "inf"
    : value === -Infinity
    ? "-inf"
    : Object.is(value, -0)
    ? "-0"
    : undefined

const double = (value: number): string => special(value) ?? String(value)

/** The fewest digits that read back as the same float of 32 bits. */
const single = (value: number): string => {
  const named = special(value)
  if (named !== undefined) return named
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(Number(value.toPrecision(9)))
}

type Elements = ArrayLike<number | bigint | string>

/** The values of a tensor, and how each is written; `undefined` for those that Triton leaves out. */
const read = (tensor: Tensor): readonly [Elements, (value: never) => string] | undefined => {
  const plain = (datatype: DataType) => [Values.values(tensor, datatype) as Elements, String] as const
  switch (tensor.datatype) {
    case "FP16":
    case "BF16":
      return undefined
    case "FP32":
      return [Values.values(tensor, "FP32"), single]
    case "FP64":
      return [Values.values(tensor, "FP64"), double]
    case "BYTES":
      return [Values.values(tensor, "BYTES"), (text: string) => JSON.stringify(text)]
    default:
      return plain(tensor.datatype)
  }
}

/** Why a tensor is not shown. @category models */
export type Unshown = "too long" | "not text"

/**
 * The values of a tensor, of as many characters as `maxLength` at most. FP16 and BF16 are empty, as in Triton. BYTES must be UTF-8.
 *
 * @category formatting
 */
export const render = (tensor: Tensor, maxLength: number): { readonly text: string } | Unshown => {
  let elements: ReturnType<typeof read>
  try {
    elements = read(tensor)
  } catch {
    return "not text"
  }
  if (elements === undefined) return { text: "" }
  const [values, write] = elements as readonly [ArrayLike<unknown>, (value: unknown) => string]
  let text = ""
  for (let i = 0; i < values.length;) {
    for (const end = Math.min(values.length, i + piece); i < end; i++) text += (i === 0 ? "" : ",") + write(values[i])
    if (text.length > maxLength) return "too long"
  }
  return { text }
}
