/**
 * Reads a config in protobuf's text format: driven by the description of the message, with positions in its errors.
 *
 * Accepts and refuses what libprotobuf's strict parser does; a position is that of the offending token. The nesting of a
 * text is bounded by that of the message, which is not recursive.
 *
 * Source: protobuf text format specification; wording of the errors as in libprotobuf.
 */
import { Result } from "effect"
import type { ModelConfig } from "../ModelConfig.ts"
import { ConfigSyntaxError } from "./ConfigSyntaxError.ts"
import type { MessageType } from "./Descriptor.ts"
import { ModelConfigMessage } from "./ModelConfigFields.ts"
import { SyntaxProblem } from "./SyntaxProblem.ts"
import { TextMessageReader } from "./TextMessageReader.ts"

/** @category models */
export interface Parsed {
  readonly config: ModelConfig
  /** One sentence each, beginning with path and position. */
  readonly warnings: ReadonlyArray<string>
}

const lineAt = (bytes: Uint8Array, offset: number) => {
  let line = 1
  let start = 0
  for (let at = bytes.indexOf(10); at !== -1 && at < offset; at = bytes.indexOf(10, at + 1)) {
    line++
    start = at + 1
  }
  const next = bytes.indexOf(10, offset)
  const end = next === -1 ? bytes.length : next
  return { line, start, end }
}

const characters = (bytes: Uint8Array, start: number, end: number): number =>
  Array.from(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(start, end))).length

const located = (bytes: Uint8Array, path: string, problem: SyntaxProblem): ConfigSyntaxError => {
  const { end, line, start } = lineAt(bytes, problem.start)
  return new ConfigSyntaxError({
    path,
    line,
    column: characters(bytes, start, problem.start) + 1,
    length: Math.max(1, characters(bytes, problem.start, Math.min(problem.end, end))),
    detail: problem.detail,
    suggestion: problem.suggestion,
    sourceLine: new TextDecoder().decode(bytes.subarray(start, end)).replace(/\r$/, "")
  })
}

/**
 * Parses a `config.pbtxt`. `path` stands in messages only.
 *
 * Errors: `ConfigSyntaxError` for the first problem. Never throws.
 *
 * @category constructors
 */
export const parseModelConfig = (
  text: string | Uint8Array,
  options: { readonly path: string }
): Result.Result<Parsed, ConfigSyntaxError> => {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text
  const type: MessageType = ModelConfigMessage
  try {
    const reader = new TextMessageReader(bytes)
    const config = reader.file(type) as unknown as ModelConfig
    const warnings = reader.warnings.map(({ message, token }) => {
      const { line, start } = lineAt(bytes, token.start)
      return `${options.path}:${line}:${characters(bytes, start, token.start) + 1}: ${message}`
    })
    return Result.succeed({ config, warnings })
  } catch (problem) {
    if (problem instanceof SyntaxProblem) return Result.fail(located(bytes, options.path, problem))
    throw problem
  }
}
