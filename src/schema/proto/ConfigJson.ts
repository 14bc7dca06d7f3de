/**
 * The JSON form of a config: what `GET v2/models/‹m›/config` answers, and what a load override brings.
 *
 * Source: Triton's model configuration extension; protobuf's JSON mapping for reading.
 */
import { Result } from "effect"
import type { ModelConfig } from "../ModelConfig.ts"
import { ConfigJsonInvalid } from "./ConfigJsonInvalid.ts"
import { ConfigJsonReader, JsonProblem } from "./ConfigJsonReader.ts"
import type { Dynamic, Field, MessageType } from "./Descriptor.ts"
import { hasPresence } from "./Descriptor.ts"
import { ModelConfigMessage } from "./ModelConfigFields.ts"

const escapes: Readonly<Record<string, string>> = {
  "\"": "\\\"",
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t"
}

// RapidJSON escapes the control characters below U+0020, with upper-case hex, and nothing else.
const escape = (char: string): string =>
  escapes[char] ?? (char < " " ? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}` : char)

const quote = (text: string): string => `"${text.replace(/["\\]|\p{Cc}/gu, escape)}"`

const finite = (value: number): string => String(value).replace("e+", "e")

const floating = (value: number): string => Number.isFinite(value) ? finite(value) : `"${value}"`

/** The shortest decimal digits that give the same 32-bit float. */
const single = (value: number): string => {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return floating(short)
  }
  return floating(value)
}

const item = (field: Field, value: unknown): string => {
  switch (field.kind) {
    case "message":
      return object(field.type as MessageType, value as Dynamic)
    case "string":
      return quote(value as string)
    case "enum":
      return typeof value === "string" ? `"${value}"` : String(value)
    case "float":
      return single(value as number)
    case "double":
      return floating(value as number)
    default:
      return field.json === "string" ? `"${String(value)}"` : String(value)
  }
}

const object = (type: MessageType, message: Dynamic): string => {
  const members: Array<string> = []
  for (const field of type.fields) {
    const value = message[field.name]
    if (value === undefined && hasPresence(field)) continue
    let text: string
    if (field.label === "repeated") {
      text = `[${(value as ReadonlyArray<unknown>).map((one) => item(field, one)).join(",")}]`
    } else if (field.label === "map") {
      const entries = Object.entries(value as Dynamic).map(([key, one]) => `${quote(key)}:${item(field, one)}`)
      text = `{${entries.join(",")}}`
    } else text = item(field, value)
    members.push(`"${field.name}":${text}`)
  }
  return `{${members.join(",")}}`
}

/**
 * A config as one line of JSON: keys in the order of declaration, every default printed, absent messages left out, 64-bit
 * integers as exact numbers (four fields stay strings, as in Triton).
 *
 * @category encoding
 */
export const toJson = (config: ModelConfig): string => object(ModelConfigMessage, config as unknown as Dynamic)

/**
 * Reads the JSON of a load override by protobuf's rules: either spelling of field names, enum names in any case or numbers,
 * 64-bit integers as numbers or strings without loss, unknown fields refused.
 *
 * Errors: `ConfigJsonInvalid`, which names the place, such as `input[0].dims[1]`. Never throws.
 *
 * @category decoding
 */
export const fromJson = (text: string): Result.Result<ModelConfig, ConfigJsonInvalid> => {
  try {
    return Result.succeed(new ConfigJsonReader().read(ModelConfigMessage, text) as unknown as ModelConfig)
  } catch (problem) {
    if (problem instanceof JsonProblem) {
      return Result.fail(new ConfigJsonInvalid({ path: problem.path, detail: problem.detail }))
    }
    throw problem
  }
}
