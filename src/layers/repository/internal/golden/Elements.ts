/** Elements of golden tensors: out of JSON, and as people read them. */
import { Result } from "effect"
import * as BytesElements from "../../../../schema/BytesElements.ts"
import { byteSize, type DataType } from "../../../../schema/DataType.ts"
import * as Tensors from "../../../../schema/Tensor.ts"

type Reviver = (this: unknown, key: string, value: unknown, context?: { readonly source?: string }) => unknown

/** Integers that a double cannot hold become `bigint`. */
const exact: Reviver = (_, value, context) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? BigInt(context!.source!)
    : value

/** JSON with exact integers; a failure is what the parser says. @category constructors */
export const parseJson = (text: string): Result.Result<unknown, string> =>
  Result.try({
    // Looking at every value costs ten times the parsing: only where an integer may be that long.
    try: (): unknown =>
      /\d{16}/.test(text) ? JSON.parse(text, exact as (key: string, value: unknown) => unknown) : JSON.parse(text),
    catch: (error) => error instanceof Error ? error.message : String(error)
  })

/** Lists within each other: tensors have fewer dimensions. @category constants */
export const maxDepth = 64

/** The elements of lists in lists, row-major; `undefined` for lists deeper than `maxDepth`. @category getters */
export const flatten = (values: ReadonlyArray<unknown>): ReadonlyArray<unknown> | undefined => {
  let flat = values
  for (let depth = 1; depth <= maxDepth; depth++) {
    if (!flat.some(Array.isArray)) return flat
    flat = flat.flat()
  }
  return undefined
}

const range = (bits: number, signed: boolean): readonly [bigint, bigint] =>
  signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n]

const special: Readonly<Record<string, number>> = { NaN, Infinity, "-Infinity": -Infinity }

const kindOf = (datatype: DataType): "float" | "integer" | "other" =>
  datatype === "FP16" || datatype === "FP32" || datatype === "FP64"
    ? "float"
    : datatype === "BOOL" || datatype === "BYTES" || datatype === "BF16"
    ? "other"
    : "integer"

/** `true` for datatypes whose values are compared with a tolerance. @category guards */
export const isFloat = (datatype: DataType): boolean => kindOf(datatype) === "float"

type Numbers = { [index: number]: number | bigint }

const floats = (datatype: DataType, values: ReadonlyArray<unknown>, into: Numbers): string | undefined => {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const number = typeof value === "string" ? special[value] : value
    if (typeof number !== "number" && typeof number !== "bigint") {
      return `element ${i} is ${
        JSON.stringify(value)
      }: ${datatype} expects numbers, or "NaN", "Infinity" and "-Infinity"`
    }
    into[i] = Number(number)
  }
  return undefined
}

const integers = (datatype: DataType, values: ReadonlyArray<unknown>, into: Numbers): string | undefined => {
  const size = byteSize(datatype)
  const [least, most] = range(size * 8, datatype.startsWith("INT"))
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const whole = typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))
    if (!whole || value < least || value > most) {
      return `element ${i} is ${
        typeof value === "bigint" ? value : JSON.stringify(value)
      }: ${datatype} expects whole numbers ` +
        `from ${least} to ${most}`
    }
    into[i] = size === 8 ? BigInt(value) : Number(value)
  }
  return undefined
}

/** Bytes of elements as JSON has them; a failure says what is wrong with which. @category constructors */
export const encode = (datatype: DataType, values: ReadonlyArray<unknown>): Result.Result<Uint8Array, string> => {
  if (datatype === "BYTES") {
    const wrong = values.findIndex((value) => typeof value !== "string")
    return wrong === -1
      ? Result.succeed(BytesElements.encode(values as ReadonlyArray<string>))
      : Result.fail(`element ${wrong} is ${JSON.stringify(values[wrong])}: BYTES expects strings`)
  }
  if (datatype === "BOOL") {
    const wrong = values.findIndex((value) => typeof value !== "boolean")
    return wrong === -1
      ? Result.succeed(Uint8Array.from(values, Number))
      : Result.fail(`element ${wrong} is ${JSON.stringify(values[wrong])}: BOOL expects true or false`)
  }
  if (datatype === "BF16") return Result.fail("BF16 has no numbers in JSON: put its bytes into a 'data_file'")
  const data = new Uint8Array(values.length * byteSize(datatype))
  const into = Tensors.values({ name: "", datatype, shape: [values.length], data }, datatype) as unknown as Numbers
  const wrong = kindOf(datatype) === "float" ? floats(datatype, values, into) : integers(datatype, values, into)
  return wrong === undefined ? Result.succeed(data) : Result.fail(wrong)
}
