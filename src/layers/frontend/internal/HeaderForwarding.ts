/** Turns request headers whose names match a pattern into parameters of the inference request. Source: protocol §2.7. */
import { Result } from "effect"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { Parameter } from "../../../schema/Inference.ts"

/** The parameters of a request with its forwarded headers added. @internal */
export type Forward = (
  rawHeaders: ReadonlyArray<string>,
  parameters: ReadonlyMap<string, Parameter>
) => Result.Result<ReadonlyMap<string, Parameter>, InvalidRequest>

const reserved: ReadonlySet<string> = new Set([
  "sequence_id",
  "sequence_start",
  "sequence_end",
  "priority",
  "timeout",
  "headers",
  "binary_data_output"
])

/** Names whose verdict is remembered. Clients send a handful; one that invents names only empties the memory. */
const maxRemembered = 1024
/** A longer name is never forwarded, so that a pattern that backtracks badly cannot be fed with it. */
const maxNameLength = 256
/** Begins what is no header of the client but said of it by a transport. */
const colon = 58

/** Headers that hold an API key: models have no use for it, and what they are told may be written down. */
const secrets: ReadonlySet<string> = new Set(["authorization", "x-api-key"])

/**
 * `undefined` for the empty pattern. `hidesKeys`: headers in which API keys come are never forwarded. The pattern is matched anywhere in the name, and case counts only after a leading
 * `(?-i)`. A pattern that is not a regular expression throws.
 *
 * @internal
 */
export const make = (pattern: string, hidesKeys = false): Forward | undefined => {
  if (pattern === "") return undefined
  const expression = pattern.startsWith("(?-i)")
    ? new RegExp(pattern.slice(5))
    : new RegExp(pattern.replace(/^\(\?i\)/, ""), "i")
  const remembered = new Map<string, boolean>()
  const matches = (name: string): boolean => {
    let verdict = remembered.get(name)
    if (verdict === undefined) {
      if (remembered.size >= maxRemembered) remembered.clear()
      verdict = name.length <= maxNameLength && name.charCodeAt(0) !== colon && expression.test(name) &&
        !(hidesKeys && secrets.has(name.toLowerCase()))
      remembered.set(name, verdict)
    }
    return verdict
  }
  return (rawHeaders, parameters) => {
    let merged: Map<string, Parameter> | undefined
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!
      if (!matches(name)) continue
      if (reserved.has(name) || name.startsWith("triton_")) {
        return Result.fail(
          new InvalidRequest({ message: `Header '${name}' is reserved for Triton usage and cannot be forwarded.` })
        )
      }
      merged ??= new Map(parameters)
      merged.set(name, rawHeaders[i + 1]!)
    }
    return Result.succeed(merged ?? parameters)
  }
}
