/**
 * Reads OpenTelemetry's variables of the environment. By its rules a value that is not understood counts as not set, and a
 * warning says so; an empty value counts as not set, without one.
 */
import { Option, Schema } from "effect"

/** @category models */
export type Environment = Readonly<Record<string, string | undefined>>

const decodeUri = Schema.decodeUnknownOption(Schema.StringFromUriComponent)

/** @category models */
export class Variables {
  readonly warnings: Array<string> = []
  private readonly environment: Environment

  constructor(environment: Environment) {
    this.environment = environment
  }

  /** The first of the names that is set, with its value. */
  first(names: ReadonlyArray<string>): readonly [name: string, value: string] | undefined {
    for (const name of names) {
      const value = this.environment[name]?.trim() ?? ""
      if (value !== "") return [name, value]
    }
    return undefined
  }

  text(...names: ReadonlyArray<string>): string | undefined {
    return this.first(names)?.[1]
  }

  /** One of some words, in any case. `expected` follows "Expected", where the words are not all there is to say. */
  word<Word extends string>(
    names: ReadonlyArray<string>,
    words: ReadonlyArray<Word>,
    otherwise: Word
  ): Word {
    const found = this.first(names)
    if (found === undefined) return otherwise
    const [name, value] = found
    const word = words.find((one) => one === value.toLowerCase())
    if (word !== undefined) return word
    this.warn(name, value, `${words.join(", ")}; ${otherwise} is used`)
    return otherwise
  }

  flag(...names: ReadonlyArray<string>): boolean {
    return this.word(names, ["true", "false"], "false") === "true"
  }

  /** A whole number in a range. */
  count(names: ReadonlyArray<string>, otherwise: number, min: number): number {
    const found = this.first(names)
    if (found === undefined) return otherwise
    const [name, value] = found
    const read = /^\d{1,15}$/.test(value) ? Number(value) : undefined
    if (read !== undefined && read >= min) return read
    this.warn(name, value, `a whole number from ${min} on; ${otherwise === Infinity ? "no limit" : otherwise} is used`)
    return otherwise
  }

  /** Pairs `name=value` with commas between them, each percent-encoded. The value of a secret is not shown. */
  pairs(name: string, isSecret: boolean): ReadonlyArray<readonly [name: string, value: string]> {
    const found: Array<readonly [string, string]> = []
    const malformed: Array<string> = []
    for (const part of (this.text(name) ?? "").split(",")) {
      const pair = part.trim()
      if (pair === "") continue
      const at = pair.indexOf("=")
      const key = at < 0 ? Option.none() : decodeUri(pair.slice(0, at).trim())
      const value = decodeUri(pair.slice(at + 1).trim())
      if (Option.isSome(key) && key.value !== "" && Option.isSome(value)) found.push([key.value, value.value])
      else malformed.push(at > 0 ? pair.slice(0, at) : isSecret ? "a part without '='" : pair)
    }
    if (malformed.length > 0) {
      this.warnings.push(
        `${name} is not all understood: ${
          malformed.join(", ")
        }. Expected name=value,name=value with special characters `
          + "percent-encoded; the rest is used"
      )
    }
    return found
  }

  warn(name: string, value: string, expected: string): void {
    this.warnings.push(`${name}=${value} is not understood. Expected ${expected}`)
  }
}
