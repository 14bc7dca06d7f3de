/** Reads single values from the tokens of a text. */
import type { EnumType, Field } from "./Descriptor.ts"
import { unquote } from "./StringLiteral.ts"
import { nearest } from "./Suggestion.ts"
import { SyntaxProblem } from "./SyntaxProblem.ts"
import type { Token } from "./TextTokenizer.ts"
import { TextTokenizer } from "./TextTokenizer.ts"

const limits = {
  int32: { negative: 2n ** 31n, positive: 2n ** 31n - 1n },
  int64: { negative: 2n ** 63n, positive: 2n ** 63n - 1n },
  uint32: { negative: 0n, positive: 2n ** 32n - 1n },
  uint64: { negative: 0n, positive: 2n ** 64n - 1n }
} as const

const trueWords = new Set(["true", "True", "t"])
const falseWords = new Set(["false", "False", "f"])
const meantTrue = /^(t|true|yes|y|on|enabled?)$/i
const meantFalse = /^(f|false|no|n|off|disabled?)$/i

/** @internal */
export class TextScalarReader {
  protected readonly tokens: TextTokenizer

  constructor(bytes: Uint8Array) {
    this.tokens = new TextTokenizer(bytes)
  }

  protected looksAt(symbol: string): boolean {
    const { end, kind, start } = this.tokens.current
    return kind === "symbol" && end - start === 1 && this.tokens.bytes[start] === symbol.charCodeAt(0)
  }

  protected take(symbol: string): boolean {
    if (!this.looksAt(symbol)) return false
    this.tokens.next()
    return true
  }

  protected expect(symbol: string): void {
    if (!this.take(symbol)) {
      const found = this.tokens.current.kind === "end" ? "end of file" : `"${this.tokens.text(this.tokens.current)}"`
      throw new SyntaxProblem(`Expected "${symbol}", found ${found}.`, this.tokens.current)
    }
  }

  protected unexpected(wanted: string, suggestion?: string): SyntaxProblem {
    const got = this.tokens.current.kind === "end" ? "end of file" : this.tokens.text(this.tokens.current)
    return new SyntaxProblem(`Expected ${wanted}, got: ${got}`, this.tokens.current, suggestion)
  }

  protected scalar(field: Field): unknown {
    switch (field.kind) {
      case "string":
        return this.string(field)
      case "bool":
        return this.bool(field)
      case "enum":
        return this.enumValue(field)
      case "float":
        return Math.fround(this.float())
      case "double":
        return this.float()
      case "int32":
      case "uint32":
        return Number(this.integer(field.kind))
      default: {
        const token = this.tokens.current
        const value = this.integer(field.kind as "int64" | "uint64")
        if (field.as !== "number") return value
        if (BigInt.asIntN(54, value) !== value) throw new SyntaxProblem(`Integer out of range (${value})`, token)
        return Number(value)
      }
    }
  }

  private string(field: Field): string {
    const first = this.tokens.current
    if (first.kind !== "string") throw this.unexpected("string")
    const bytes: Array<number> = []
    let last = first
    while (this.tokens.current.kind === "string") {
      last = this.tokens.next()
      unquote(this.tokens.bytes, last, bytes)
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
    } catch {
      throw new SyntaxProblem(`String field "${field.name}" contains invalid UTF-8 data.`, {
        start: first.start,
        end: last.end
      })
    }
  }

  private integer(kind: keyof typeof limits): bigint {
    const start = this.tokens.current
    const negative = limits[kind].negative > 0n && this.take("-")
    const token = this.tokens.current
    if (token.kind !== "integer") throw this.unexpected("integer")
    const text = this.tokens.text(token)
    const octal = /^0[0-7]/.test(text)
    const value = text.length > 80 ? undefined : BigInt(octal ? `0o${text.slice(1)}` : text)
    if (value === undefined || value > (negative ? limits[kind].negative : limits[kind].positive)) {
      throw new SyntaxProblem(`Integer out of range (${text})`, { start: start.start, end: token.end })
    }
    this.tokens.next()
    return negative ? -value : value
  }

  private float(): number {
    const negative = this.take("-")
    const token = this.tokens.current
    const text = this.tokens.text(token)
    let value: number
    if (token.kind === "integer") {
      if (/^0[0-9xX]/.test(text)) throw new SyntaxProblem(`Expect a decimal number, got: ${text}`, token)
      value = Number(this.whole(token))
    } else if (token.kind === "float") value = Number(this.whole(token).replace(/[fF]$/, ""))
    else if (token.kind === "identifier" && /^inf(inity)?$/i.test(text)) value = Infinity
    else if (token.kind === "identifier" && /^nan$/i.test(text)) value = NaN
    else throw this.unexpected("double")
    this.tokens.next()
    return negative ? -value : value
  }

  private whole(token: Token): string {
    return new TextDecoder().decode(this.tokens.bytes.subarray(token.start, token.end))
  }

  private bool(field: Field): boolean {
    const token = this.tokens.current
    const text = this.tokens.text(token)
    if (token.kind === "integer") {
      const value = text.length > 80 ? 2 : Number(/^0[0-7]/.test(text) ? `0o${text.slice(1)}` : text)
      if (value > 1) throw new SyntaxProblem(`Integer out of range (${text})`, token)
      this.tokens.next()
      return value === 1
    }
    if (token.kind !== "identifier") throw this.unexpected("identifier")
    const value = trueWords.has(text)
    if (!value && !falseWords.has(text)) {
      throw new SyntaxProblem(
        `Invalid value for boolean field "${field.name}". Value: "${text}".`,
        token,
        meantTrue.test(text) ? "true" : meantFalse.test(text) ? "false" : undefined
      )
    }
    this.tokens.next()
    return value
  }

  private enumValue(field: Field): string | number {
    const type = field.type as EnumType
    const token = this.tokens.current
    if (token.kind === "identifier") {
      const name = this.tokens.text(token)
      if (!Object.hasOwn(type.numbers, name)) {
        throw new SyntaxProblem(
          `Unknown enumeration value of "${name}" for field "${field.name}".`,
          token,
          nearest(name, Object.keys(type.numbers))
        )
      }
      this.tokens.next()
      return name
    }
    if (token.kind === "integer" || this.looksAt("-")) {
      const number = Number(this.integer("int32"))
      return type.names.get(number) ?? number
    }
    throw this.unexpected(
      "integer or identifier",
      token.kind === "string" ? nearest(this.tokens.text(token), Object.keys(type.numbers)) : undefined
    )
  }
}
