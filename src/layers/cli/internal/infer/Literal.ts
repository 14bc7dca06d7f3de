/** Values of a tensor as they are written on the command line or in a file of JSON. */
import { Result } from "effect"
import type { DataType } from "../../../../schema/DataType.ts"

/** Flat values, row-major, and the shape in which they were written: `[]` for a single one. @internal */
export interface Literal {
  readonly shape: ReadonlyArray<number>
  readonly values: ReadonlyArray<unknown>
}

type Reviver = (this: unknown, key: string, value: unknown, context?: { readonly source?: string }) => unknown

/** Integers that a double cannot hold become `bigint`. */
const exact: Reviver = (_, value, context) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? BigInt(context!.source!)
    : value

const parse = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: () => JSON.parse(text, exact as (key: string, value: unknown) => unknown) as unknown,
    catch: (error) => error instanceof Error ? error.message : String(error)
  })

const flatten = (value: unknown, into: Array<unknown>): Result.Result<ReadonlyArray<number>, string> => {
  if (!Array.isArray(value)) {
    into.push(value)
    return Result.succeed([])
  }
  let inner: ReadonlyArray<number> | undefined
  for (const element of value) {
    const shape = flatten(element, into)
    if (Result.isFailure(shape)) return shape
    inner ??= shape.success
    if (inner.join() !== shape.success.join()) {
      return Result.fail(`its lists differ in shape: [${inner.join(",")}] and [${shape.success.join(",")}]`)
    }
  }
  return Result.succeed([value.length, ...(inner ?? [])])
}

const special: Readonly<Record<string, number>> = {
  NaN: NaN,
  nan: NaN,
  Infinity,
  inf: Infinity,
  "-Infinity": -Infinity,
  "-inf": -Infinity
}

/** JSON of any nesting. Numbers, booleans or strings; a failure says what is wrong. @internal */
export const fromJson = (text: string): Result.Result<Literal, string> =>
  Result.flatMap(parse(text), (value) => {
    const values: Array<unknown> = []
    return Result.map(flatten(value, values), (shape) => ({ shape, values }))
  })

/**
 * A value of the command line: JSON, numbers with commas between them, or, for BYTES, any text.
 *
 * @internal
 */
export const fromText = (datatype: DataType, text: string): Result.Result<Literal, string> => {
  if (datatype === "BYTES") {
    const json = text.startsWith("[") || text.startsWith("\"") ? fromJson(text) : undefined
    return json !== undefined && Result.isSuccess(json) ? json : Result.succeed({ shape: [], values: [text] })
  }
  if (text.startsWith("[")) return fromJson(text)
  const words = text.split(",").map((word) => word.trim())
  const values: Array<unknown> = []
  for (const word of words) {
    const value = special[word] ?? Result.getOrUndefined(parse(word))
    const truth = datatype === "BOOL" && (word === "0" || word === "1")
    if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") {
      return Result.fail(`'${word}' is no value of ${datatype}`)
    }
    values.push(truth ? word === "1" : value)
  }
  return Result.succeed({ shape: words.length === 1 ? [] : [words.length], values })
}
