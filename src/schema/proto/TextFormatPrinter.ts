/** Writes a config in protobuf's text format, as a person would write the file. */
import type { ModelConfig } from "../ModelConfig.ts"
import type { Dynamic, Field, MessageType } from "./Descriptor.ts"
import { defaultScalar, entryType, hasPresence } from "./Descriptor.ts"
import { ModelConfigMessage } from "./ModelConfigFields.ts"

const escapes: Readonly<Record<string, string>> = { "\"": "\\\"", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escape = (char: string): string =>
  escapes[char] ?? (char <= "\u007f" ? `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}` : char)

const quote = (text: string): string => `"${text.replace(/["\\]|\p{Cc}/gu, escape)}"`

const scalar = (field: Field, value: unknown): string => {
  if (field.kind === "string") return quote(value as string)
  if (typeof value === "number" && !Number.isFinite(value)) {
    return Number.isNaN(value)
      ? "nan"
      : value > 0
      ? "inf"
      : "-inf"
  }
  return Object.is(value, -0) ? "-0" : String(value)
}

const block = (name: string, type: MessageType, message: Dynamic, indent: string): ReadonlyArray<string> => {
  const inner = lines(type, message, `${indent}  `)
  return inner.length === 0 ? [`${indent}${name} { }`] : [`${indent}${name} {`, ...inner, `${indent}}`]
}

const lines = (type: MessageType, message: Dynamic, indent: string): ReadonlyArray<string> =>
  type.fields.flatMap((field) => {
    const value = message[field.name]
    if (field.label === "map") {
      const entry = entryType(type, field)
      return Object.entries(value as Dynamic).flatMap(([key, one]) =>
        block(field.name, entry, { key: field.key === undefined ? key : BigInt(key), value: one }, indent)
      )
    }
    if (field.label === "repeated") {
      const items = value as ReadonlyArray<unknown>
      if (field.kind === "message") {
        return items.flatMap((one) => block(field.name, field.type as MessageType, one as Dynamic, indent))
      }
      return items.length === 0
        ? []
        : [`${indent}${field.name}: [ ${items.map((one) => scalar(field, one)).join(", ")} ]`]
    }
    if (hasPresence(field) ? value === undefined : Object.is(value, defaultScalar(field))) return []
    return field.kind === "message"
      ? block(field.name, field.type as MessageType, value as Dynamic, indent)
      : [`${indent}${field.name}: ${scalar(field, value)}`]
  })

/**
 * A config as the text of a `config.pbtxt`, fields in the order of declaration, defaults left out. Parsing it gives the same
 * config.
 *
 * @category encoding
 */
export const printModelConfig = (config: ModelConfig): string =>
  lines(ModelConfigMessage, config as unknown as Dynamic, "").map((line) => `${line}\n`).join("")
