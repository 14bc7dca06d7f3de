/**
 * Reads JSON as inference servers write it: integers that a double cannot hold become `bigint`, and `NaN`, `Infinity` and
 * `-Infinity` are numbers. Source: protocol §2.4.
 */

const token = /[[\]{}:,]|"(?:[^"\\]|\\[^])*"|-?(?:Infinity|\d[\d.eE+-]*)|NaN|true|false|null/y
const space = /[ \t\r\n]*/y

class Reader {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  document(): unknown {
    const value = this.value(this.next())
    space.lastIndex = this.at
    space.test(this.text)
    if (space.lastIndex !== this.text.length) throw this.fault(space.lastIndex)
    return value
  }

  private fault(at: number): SyntaxError {
    return new SyntaxError(`JSON is not as expected at character ${at}`)
  }

  private next(): string {
    space.lastIndex = this.at
    space.test(this.text)
    token.lastIndex = space.lastIndex
    const match = token.exec(this.text)
    if (match === null) throw this.fault(space.lastIndex)
    this.at = token.lastIndex
    return match[0]
  }

  private value(word: string): unknown {
    switch (word) {
      case "{":
        return this.object()
      case "[":
        return this.array()
      case "true":
        return true
      case "false":
        return false
      case "null":
        return null
      case "NaN":
        return NaN
      case "Infinity":
        return Infinity
      case "-Infinity":
        return -Infinity
      default:
        return this.scalar(word)
    }
  }

  private scalar(word: string): unknown {
    const value: unknown = JSON.parse(word)
    return typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(word) ? BigInt(word) : value
  }

  private array(): ReadonlyArray<unknown> {
    const values: Array<unknown> = []
    let word = this.next()
    if (word === "]") return values
    for (;;) {
      values.push(this.value(word))
      word = this.next()
      if (word === "]") return values
      if (word !== ",") throw this.fault(this.at)
      word = this.next()
    }
  }

  private object(): Readonly<Record<string, unknown>> {
    const members: Array<readonly [string, unknown]> = []
    let word = this.next()
    if (word === "}") return {}
    for (;;) {
      const key: unknown = this.scalar(word)
      if (typeof key !== "string" || this.next() !== ":") throw this.fault(this.at)
      members.push([key, this.value(this.next())])
      word = this.next()
      if (word === "}") return Object.fromEntries(members)
      if (word !== ",") throw this.fault(this.at)
      word = this.next()
    }
  }
}

/** Throws `SyntaxError`. @internal */
export const parse = (text: string): unknown => new Reader(text).document()

/**
 * Where the JSON object at the beginning of some bytes ends; `undefined` where it does not. Needed where a browser hides the
 * header that says so.
 *
 * @internal
 */
export const endOfObject = (bytes: Uint8Array): number | undefined => {
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.byteLength; i++) {
    const byte = bytes[i]!
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b) depth++
    else if (byte === 0x7d && --depth === 0) return i + 1
  }
  return undefined
}
