/** Reads an object literal of TypeScript that holds nothing but literals, in whatever style a formatter left it. */
import { Result } from "effect"

const space = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*/y
const token = /[{}[\]:,]|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|-?\d[\d.]*|[A-Za-z_$][\w$]*/y

class Unread extends Error {}

class Reader {
  private readonly text: string
  private at: number

  constructor(text: string, at: number) {
    this.text = text
    this.at = at
  }

  private next(): string {
    space.lastIndex = this.at
    space.test(this.text)
    token.lastIndex = space.lastIndex
    const match = token.exec(this.text)
    if (match === null) {
      const line = this.text.slice(0, space.lastIndex).split("\n").length
      throw new Unread(`line ${line} is not as \`galatea codegen\` writes it`)
    }
    this.at = token.lastIndex
    return match[0]
  }

  private unexpected(word: string): Unread {
    return new Unread(`line ${this.text.slice(0, this.at).split("\n").length} has an unexpected '${word}'`)
  }

  value(word = this.next()): unknown {
    if (word === "{") return Object.fromEntries(this.members("}", (key) => [this.key(key), this.member()] as const))
    if (word === "[") return this.members("]", (first) => this.value(first))
    if (word === "true" || word === "false") return word === "true"
    if (/^["']/.test(word)) return this.string(word)
    if (/^-?\d/.test(word)) return Number(word)
    throw this.unexpected(word)
  }

  private members<A>(end: string, member: (first: string) => A): ReadonlyArray<A> {
    const members: Array<A> = []
    let word = this.next()
    while (word !== end) {
      members.push(member(word))
      word = this.next()
      if (word === ",") word = this.next()
      else if (word !== end) throw this.unexpected(word)
    }
    return members
  }

  private key(word: string): string {
    if (/^["']/.test(word)) return this.string(word)
    if (/^[\w$]/.test(word)) return word
    throw this.unexpected(word)
  }

  private member(): unknown {
    const colon = this.next()
    if (colon !== ":") throw this.unexpected(colon)
    return this.value()
  }

  private string(word: string): string {
    const inner = word.slice(1, -1)
    return JSON.parse(
      word.startsWith("'") ? `"${inner.replaceAll("\\'", "'").replaceAll("\"", "\\\"")}"` : word
    ) as string
  }
}

/** The value that begins at a position; a failure says where it is something else. @internal */
export const read = (text: string, at: number): Result.Result<unknown, string> => {
  try {
    return Result.succeed(new Reader(text, at).value())
  } catch (error) {
    if (error instanceof Unread || error instanceof SyntaxError) return Result.fail(error.message)
    throw error
  }
}
