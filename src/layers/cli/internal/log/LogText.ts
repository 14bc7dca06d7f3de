/** Text of values in the log: on one line, and without the contents of tensors. */
import * as Visible from "../Visible.ts"

/** Bytes and numbers of tensors have no place in a log: their size has. */
const withoutContents = function(this: unknown, key: string, value: unknown): unknown {
  const own: unknown = key === "" ? value : (this as Record<string, unknown>)[key]
  if (ArrayBuffer.isView(own)) return `<${own.byteLength} bytes>`
  return typeof value === "bigint" ? String(value) : value
}

/** JSON of a value, whatever it is. @category formatting */
export const json = (value: unknown): string => {
  if (ArrayBuffer.isView(value)) return `"<${value.byteLength} bytes>"`
  try {
    return JSON.stringify(value, withoutContents) ?? JSON.stringify(String(value))
  } catch {
    // It contains itself, or has a method of its own that fails.
    return JSON.stringify(Object.prototype.toString.call(value))
  }
}

/** A value as a person would write it. @category formatting */
export const text = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value instanceof Error) return value.message
  return typeof value === "object" ? json(value) : String(value)
}

/** A JSON string that stays on its line, and moves no cursor. @category formatting */
export const quoted = (value: string): string => Visible.text(JSON.stringify(value))

/** A text for a terminal: it may have several lines, and moves no cursor. @category formatting */
export const harmless = Visible.text
