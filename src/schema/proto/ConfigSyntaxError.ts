/** What a config file that does not parse says of itself. */
import { Schema } from "effect"

const widest = 120
const controls = /(?!\t)\p{Cc}/gu

/**
 * The text of a config is not a `ModelConfig`. `message` is one line with path and position; `pretty` shows the line.
 *
 * Source: protobuf's text format parser for the wording, Triton for `failed to read text proto from`.
 *
 * @category errors
 */
export class ConfigSyntaxError extends Schema.TaggedError<ConfigSyntaxError>()("ConfigSyntaxError", {
  path: Schema.String,
  /** From 1. */
  line: Schema.Int,
  /** In characters, from 1; a tab is one character. */
  column: Schema.Int,
  /** Characters of the offending token on that line, at least 1. */
  length: Schema.Int,
  /** What was wrong, without the position. */
  detail: Schema.String,
  /** The name probably meant. */
  suggestion: Schema.UndefinedOr(Schema.String),
  /** The whole offending line, without its line end. */
  sourceLine: Schema.String
}) {
  override get message(): string {
    const meant = this.suggestion === undefined ? "" : ` (did you mean "${this.suggestion}"?)`
    return `failed to read text proto from ${this.path}: ${this.line}:${this.column}: ${this.detail}${meant}`
  }

  /** The message, then the offending line with a caret under the token. A long line is shown around the token. */
  get pretty(): string {
    const characters = Array.from(this.sourceLine.replace(controls, "?"))
    const start = Math.max(0, Math.min(this.column - 1 - widest / 3, characters.length - widest))
    const shown = characters.slice(start, start + widest).join("")
    const blank = characters.slice(start, this.column - 1).map((char) => char === "\t" ? "\t" : " ").join("")
    const carets = "^".repeat(Math.max(1, Math.min(this.length, start + widest - (this.column - 1))))
    const number = String(this.line)
    const margin = " ".repeat(number.length)
    return [
      this.message,
      "",
      ` ${number} | ${start > 0 ? "…" : ""}${shown}${start + widest < characters.length ? "…" : ""}`,
      ` ${margin} | ${start > 0 ? " " : ""}${blank}${carets}`
    ].join("\n")
  }
}
