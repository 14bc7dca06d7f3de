/** Reads messages from JSON by protobuf's JSON mapping, driven by their descriptions. */
import type { Dynamic, EnumType, Field, MessageType } from "./Descriptor.ts"
import { camelCase, create, putEntry } from "./Descriptor.ts"
import { nearest } from "./Suggestion.ts"

/** Leaves the reader on the first problem; caught where the reader is called. @internal */
export class JsonProblem {
  readonly path: string
  readonly detail: string
  constructor(path: string, detail: string) {
    this.path = path
    this.detail = detail
  }
}

/** A number as it is written in the text, so that 64-bit integers keep their digits. */
class Numeral {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

const deepest = 100

const limits = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n]
} as const

const depth = (text: string): number => {
  let open = 0
  let most = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (inString) {
      if (char === "\\") at++
      else if (char === "\"") inString = false
    } else if (char === "\"") inString = true
    else if (char === "[" || char === "{") most = Math.max(most, ++open)
    else if (char === "]" || char === "}") open--
  }
  return most
}

const parse = (text: string): unknown => {
  if (depth(text) > deepest) throw new JsonProblem("", `nested deeper than ${deepest} levels`)
  // The third argument is newer than TypeScript's declaration of it.
  const keepNumerals =
    ((_key: string, value: unknown, context: { readonly source?: string }) =>
      typeof value === "number" ? new Numeral(context.source!) : value) as (key: string, value: unknown) => unknown
  try {
    return JSON.parse(text, keepNumerals)
  } catch (error) {
    throw new JsonProblem("", (error as Error).message)
  }
}

const nameOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
    ? "a list"
    : value instanceof Numeral
    ? "a number"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`

const isObject = (value: unknown): value is Dynamic =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Numeral)

/** The integer that a decimal text stands for, exactly: `1e3` and `8.0` are integers too. */
const exactInteger = (source: string): bigint | undefined => {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/.exec(source)
  if (match === null || source.length > 400) return undefined
  const [, sign, whole = "", fraction = "", exponent = "0"] = match
  const zeros = Number(exponent) - fraction.length
  const digits = whole + fraction
  if (/^0*$/.test(digits)) return 0n
  if (zeros > 40) return undefined
  const kept = zeros >= 0 ? digits + "0".repeat(zeros) : digits.slice(0, Math.max(0, digits.length + zeros))
  const lost = zeros >= 0 ? "" : digits.slice(Math.max(0, digits.length + zeros))
  if (!/^0*$/.test(lost)) return undefined
  return BigInt(`${kept === "" ? "0" : kept}`) * (sign === "-" ? -1n : 1n)
}

/** @internal */
export class ConfigJsonReader {
  /** The message that a text holds. Throws `JsonProblem`. */
  read(type: MessageType, text: string): Dynamic {
    return this.message(type, parse(text), "")
  }

  private message(type: MessageType, json: unknown, path: string): Dynamic {
    if (!isObject(json)) throw new JsonProblem(path, `expected an object, got ${nameOf(json)}`)
    const result = create(type, {}) as Dynamic
    const seen = new Set<Field>()
    for (const [key, value] of Object.entries(json)) {
      const field = type.byName.get(key) ?? type.fields.find((candidate) => camelCase(candidate.name) === key)
      const place = path === "" ? key : `${path}.${key}`
      if (field === undefined) {
        const meant = nearest(key, type.byName.keys())
        throw new JsonProblem(
          place,
          `no such field in ${type.fullName}${meant === undefined ? "" : ` (did you mean "${meant}"?)`}`
        )
      }
      if (seen.has(field)) throw new JsonProblem(place, "given in both spellings")
      seen.add(field)
      if (value === null) continue
      if (field.oneof !== undefined) {
        const other = type.fields.find((member) =>
          member !== field && member.oneof === field.oneof && result[member.name] !== undefined
        )
        if (other !== undefined) {
          throw new JsonProblem(place, `"${other.name}" of the same oneof "${field.oneof}" is given too`)
        }
      }
      result[field.name] = this.value(field, value, place)
    }
    return result
  }

  private value(field: Field, json: unknown, path: string): unknown {
    if (field.label === "repeated") {
      if (!Array.isArray(json)) throw new JsonProblem(path, `expected a list, got ${nameOf(json)}`)
      return json.map((one, index) => this.item(field, one, `${path}[${index}]`))
    }
    if (field.label === "map") {
      if (!isObject(json)) throw new JsonProblem(path, `expected an object, got ${nameOf(json)}`)
      const entries: Dynamic = {}
      for (const [key, one] of Object.entries(json)) {
        const place = `${path}[${JSON.stringify(key)}]`
        const name = field.key === undefined ? key : String(this.integer(field.key, key, place))
        putEntry(entries, name, this.item(field, one, place))
      }
      return entries
    }
    return this.item(field, json, path)
  }

  private item(field: Field, json: unknown, path: string): unknown {
    switch (field.kind) {
      case "message":
        return this.message(field.type as MessageType, json, path)
      case "string":
        if (typeof json !== "string") throw new JsonProblem(path, `expected a string, got ${nameOf(json)}`)
        if (!json.isWellFormed()) throw new JsonProblem(path, "the string holds half of a surrogate pair")
        return json
      case "bool":
        if (typeof json !== "boolean") throw new JsonProblem(path, `expected true or false, got ${nameOf(json)}`)
        return json
      case "enum":
        return this.enumValue(field.type as EnumType, json, path)
      case "float":
      case "double":
        return this.float(field.kind, json, path)
      case "int32":
      case "uint32":
        return Number(this.integer(field.kind, json, path))
      default: {
        // A config holds no bytes.
        const value = this.integer(field.kind as "int64" | "uint64", json, path)
        if (field.as !== "number") return value
        if (BigInt.asIntN(54, value) !== value) throw new JsonProblem(path, `${value} is out of range`)
        return Number(value)
      }
    }
  }

  private integer(kind: keyof typeof limits, json: unknown, path: string): bigint {
    const source = json instanceof Numeral ? json.source : json
    if (typeof source !== "string") throw new JsonProblem(path, `expected an integer, got ${nameOf(json)}`)
    const value = exactInteger(source)
    if (value === undefined) throw new JsonProblem(path, `expected an integer, got ${source.slice(0, 100)}`)
    if (value < limits[kind][0] || value > limits[kind][1]) throw new JsonProblem(path, `${value} is out of range`)
    return value
  }

  private float(kind: "float" | "double", json: unknown, path: string): number {
    const source = json instanceof Numeral ? json.source : json
    if (typeof source !== "string") throw new JsonProblem(path, `expected a number, got ${nameOf(json)}`)
    const special = source === "NaN" || source === "Infinity" || source === "-Infinity"
    const value = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(source) || special ? Number(source) : undefined
    if (value === undefined) throw new JsonProblem(path, `expected a number, got ${source.slice(0, 100)}`)
    const rounded = kind === "float" ? Math.fround(value) : value
    if (!special && !Number.isFinite(rounded)) throw new JsonProblem(path, `${source.slice(0, 100)} is out of range`)
    return rounded
  }

  private enumValue(type: EnumType, json: unknown, path: string): string | number {
    if (json instanceof Numeral) {
      const number = Number(this.integer("int32", json, path))
      return type.names.get(number) ?? number
    }
    if (typeof json !== "string") {
      throw new JsonProblem(path, `expected a name of ${type.fullName}, got ${nameOf(json)}`)
    }
    const names = Object.keys(type.numbers)
    const found = names.find((name) => name === json.toUpperCase())
    if (found !== undefined) return found
    const meant = nearest(json, names)
    throw new JsonProblem(
      path,
      `${JSON.stringify(json.slice(0, 100))} is no name of ${type.fullName}${
        meant === undefined ? "" : ` (did you mean "${meant}"?)`
      }`
    )
  }
}
