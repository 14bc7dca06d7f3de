/** Reads messages from the tokens of a text: one method for each rule of the grammar. */
import type { Dynamic, EnumType, Field, MessageType } from "./Descriptor.ts"
import { create, defaultScalar, entryType, hasPresence, putEntry } from "./Descriptor.ts"
import { nearest } from "./Suggestion.ts"
import type { Token } from "./TextTokenizer.ts"
import { SyntaxProblem, TextTokenizer } from "./TextTokenizer.ts"

const limits = {
  int32: { negative: 2n ** 31n, positive: 2n ** 31n - 1n },
  int64: { negative: 2n ** 63n, positive: 2n ** 63n - 1n },
  uint32: { negative: 0n, positive: 2n ** 32n - 1n },
  uint64: { negative: 0n, positive: 2n ** 64n - 1n }
} as const

const booleans = new Map([["true", true], ["True", true], ["t", true], ["false", false], ["False", false], ["f", false]])
const meantTrue = /^(t|true|yes|y|on|enabled?)$/i
const meantFalse = /^(f|false|no|n|off|disabled?)$/i

const isSet = (field: Field, value: unknown): boolean =>
  hasPresence(field) ? value !== undefined : value !== defaultScalar(field)

/** @internal */
export class TextMessageReader {
  readonly warnings: Array<{ readonly message: string; readonly token: Token }> = []
  private readonly tokens: TextTokenizer

  constructor(bytes: Uint8Array) {
    this.tokens = new TextTokenizer(bytes)
  }

  /** A whole file: the fields of one message. */
  file(type: MessageType): Dynamic {
    const result = create(type, {}) as Dynamic
    while (this.tokens.current.kind !== "end") this.field(type, result, undefined)
    return result
  }

  private looksAt(symbol: string): boolean {
    const { end, kind, start } = this.tokens.current
    return kind === "symbol" && end - start === 1 && this.tokens.bytes[start] === symbol.charCodeAt(0)
  }

  private take(symbol: string): boolean {
    if (!this.looksAt(symbol)) return false
    this.tokens.next()
    return true
  }

  private expect(symbol: string): void {
    if (!this.take(symbol)) {
      const found = this.tokens.current.kind === "end" ? "end of file" : `"${this.tokens.text(this.tokens.current)}"`
      throw new SyntaxProblem(`Expected "${symbol}", found ${found}.`, this.tokens.current)
    }
  }

  private unexpected(wanted: string, suggestion?: string): SyntaxProblem {
    const got = this.tokens.current.kind === "end" ? "end of file" : this.tokens.text(this.tokens.current)
    return new SyntaxProblem(`Expected ${wanted}, got: ${got}`, this.tokens.current, suggestion)
  }

  private identifier(): Token {
    if (this.tokens.current.kind !== "identifier") throw this.unexpected("identifier")
    return this.tokens.next()
  }

  private field(type: MessageType, into: Dynamic, opened: Token | undefined): void {
    if (this.looksAt("[")) throw this.extension(type)
    if (this.tokens.current.kind === "end" && opened !== undefined) {
      throw new SyntaxProblem(
        `Expected identifier, got: end of file ("${this.tokens.text(opened)}" is not closed)`,
        opened
      )
    }
    const token = this.identifier()
    const field = this.lookup(type, token)
    if (field.label === undefined) this.checkUnset(type, field, into, token)
    if (field.kind === "message" || field.label === "map") this.take(":")
    else this.expect(":")
    if (field.label !== undefined && this.take("[")) this.list(type, field, into)
    else this.item(type, field, into)
    if (!this.take(";")) this.take(",")
  }

  /** The rest of a list, its bracket already consumed. */
  private list(type: MessageType, field: Field, into: Dynamic): void {
    if (this.take("]")) return
    for (;;) {
      this.item(type, field, into)
      if (this.take("]")) return
      this.expect(",")
    }
  }

  private extension(type: MessageType): SyntaxProblem {
    const open = this.tokens.next()
    let name = ""
    while (this.tokens.current.kind === "identifier" || this.looksAt(".") || this.looksAt("/")) {
      name += this.tokens.text(this.tokens.next())
    }
    return new SyntaxProblem(`Extension "${name}" is not defined or is not an extension of "${type.fullName}".`, open)
  }

  private lookup(type: MessageType, token: Token): Field {
    const name = this.tokens.text(token)
    const field = type.byName.get(name)
    if (field !== undefined) return field
    const renamed = type.fields.find((candidate) => candidate.alias === name)
    if (renamed !== undefined) {
      const message = `field "${name}" is an old name of "${renamed.name}"; write "${renamed.name}"`
      this.warnings.push({ message, token })
      return renamed
    }
    throw new SyntaxProblem(
      `Message type "${type.fullName}" has no field named "${name}".`,
      token,
      nearest(name, type.byName.keys())
    )
  }

  private checkUnset(type: MessageType, field: Field, into: Dynamic, token: Token): void {
    if (isSet(field, into[field.name])) {
      throw new SyntaxProblem(`Non-repeated field "${field.name}" is specified multiple times.`, token)
    }
    if (field.oneof === undefined) return
    const other = type.fields.find((member) => member.oneof === field.oneof && into[member.name] !== undefined)
    if (other !== undefined) {
      throw new SyntaxProblem(
        `Field "${field.name}" is specified along with field "${other.name}", another member of oneof "${field.oneof}".`,
        token
      )
    }
  }

  private item(type: MessageType, field: Field, into: Dynamic): void {
    if (field.label === "map") {
      const entry = entryType(type, field)
      const { key, value } = this.message(entry)
      putEntry(
        into[field.name] as Dynamic,
        String(key),
        value === undefined ? create(field.type as MessageType, {}) : value
      )
      return
    }
    const value = field.kind === "message" ? this.message(field.type as MessageType) : this.scalar(field)
    if (field.label === "repeated") (into[field.name] as Array<unknown>).push(value)
    else into[field.name] = value
  }

  private message(type: MessageType): Dynamic {
    const opened = this.tokens.current
    const close = this.take("<") ? ">" : (this.expect("{"), "}")
    const result = create(type, {}) as Dynamic
    while (!this.looksAt("}") && !this.looksAt(">")) this.field(type, result, opened)
    this.expect(close)
    return result
  }

  private scalar(field: Field): unknown {
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
      this.tokens.unquote(last, bytes)
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
    const value = booleans.get(text)
    if (value === undefined) {
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
