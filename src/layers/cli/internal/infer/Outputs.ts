/** The outputs of `galatea infer`: a table for people, JSON for programs, `.npy` files. */
import type { OutputTensor } from "../../../../client/Models.ts"
import * as TextTable from "../TextTable.ts"

/** `name` or `name=@file.npy`. @internal */
export interface Wanted {
  readonly name: string
  /** Where it is written; `undefined`: it is shown. */
  readonly file: string | undefined
}

/** A failure says what is wrong. @internal */
export const parse = (text: string): Wanted | string => {
  const at = text.indexOf("=")
  if (at === -1) return { name: text, file: undefined }
  const file = text.slice(at + 1)
  if (file.startsWith("@") && file.endsWith(".npy")) return { name: text.slice(0, at), file: file.slice(1) }
  return `--output takes a name, or name=@file.npy, got '${text}'.`
}

const shownValues = 16

const numberText = (value: number): string =>
  Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)))

const valueText = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : typeof value === "number" ? numberText(value) : String(value)

/** The first values, and the range of the rest. */
const summary = ({ data }: OutputTensor): string => {
  const values: ArrayLike<unknown> = data
  const shown = Array.from({ length: Math.min(shownValues, values.length) }, (_, i) => valueText(values[i]))
  if (values.length <= shownValues) return shown.join(", ")
  return `${shown.join(", ")}, … ${values.length - shownValues} more${range(values)}`
}

const range = (values: ArrayLike<unknown>): string => {
  let least = Infinity
  let most = -Infinity
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== "number") return ""
    if (value < least) least = value
    if (value > most) most = value
  }
  return least > most ? "" : `, from ${numberText(least)} to ${numberText(most)}`
}

/** @internal */
export const table = (
  outputs: ReadonlyArray<readonly [string, OutputTensor]>,
  columns: number | undefined
): string =>
  TextTable.render(
    ["Output", "Datatype", "Shape", "Values"],
    outputs.map(([name, output]) => [name, output.datatype, `[${output.shape.join(",")}]`, summary(output)]),
    columns
  )

/** One JSON object; 64-bit integers are exact, and what JSON has no number for is `NaN`, `Infinity` or `-Infinity`, as servers write it. @internal */
export const json = (outputs: ReadonlyArray<readonly [string, OutputTensor]>): string =>
  `{${
    outputs.map(([name, { data, datatype, shape }]) =>
      `${JSON.stringify(name)}:{"datatype":"${datatype}","shape":[${shape.join(",")}],"data":[${
        Array.from(data as ArrayLike<unknown>, (value) =>
          typeof value === "string" ? JSON.stringify(value) : String(value))
          .join(",")
      }]}`
    ).join(",")
  }}\n`
