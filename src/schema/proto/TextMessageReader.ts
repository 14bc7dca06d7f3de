/** Reads messages from the tokens of a text: one method for each rule of the grammar. */
import type { Dynamic, Field, MessageType } from "./Descriptor.ts"
import { create, defaultScalar, entryType, hasPresence, putEntry } from "./Descriptor.ts"
import { nearest } from "./Suggestion.ts"
import { SyntaxProblem } from "./SyntaxProblem.ts"
import { TextScalarReader } from "./TextScalarReader.ts"
import type { Token } from "./TextTokenizer.ts"

const isSet = (field: Field, value: unknown): boolean =>
  hasPresence(field) ? value !== undefined : value !== defaultScalar(field)

/** @internal */
export class TextMessageReader extends TextScalarReader {
  readonly warnings: Array<{ readonly message: string; readonly token: Token }> = []

  /** A whole file: the fields of one message. */
  file(type: MessageType): Dynamic {
    const result = create(type, {}) as Dynamic
    while (this.tokens.current.kind !== "end") this.field(type, result, undefined)
    return result
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
      if (!this.warnings.some((warning) => warning.message === message)) this.warnings.push({ message, token })
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
}
