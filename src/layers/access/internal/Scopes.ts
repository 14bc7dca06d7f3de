/** Which models the scopes of a key name, and what it may do to them. */
import type { Scope } from "../../../schema/ApiKeys.ts"
import { type Verb, verbs } from "../../../schema/Operations.ts"

/** Every model, also such as will be there later. */
const everything = "*"

/** Parts of a pattern between its stars. */
type Pattern = ReadonlyArray<string>

const bitOf: Readonly<Record<Verb, number>> = { infer: 1, read: 2, admin: 4 }

/** Whether a name fits, in time that grows with its length alone: each part is looked for once, behind the one before. */
const fits = (parts: Pattern, name: string): boolean => {
  const first = parts[0]!
  const last = parts[parts.length - 1]!
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  let at = first.length
  const end = name.length - last.length
  for (let i = 1; i < parts.length - 1; i++) {
    const found = name.indexOf(parts[i]!, at)
    if (found === -1 || found + parts[i]!.length > end) return false
    at = found + parts[i]!.length
  }
  return true
}

/** The scopes of one key. @internal */
export class Scopes {
  /** What may be done to some model. */
  private readonly any: number
  /** What may be done to every model, and so to the whole server. */
  private readonly all: number
  private readonly exact = new Map<string, number>()
  private readonly patterns: Array<readonly [parts: Pattern, bits: number]> = []

  constructor(scopes: ReadonlyArray<Scope>) {
    let any = 0
    let all = 0
    for (const { models, verbs } of scopes) {
      let bits = 0
      for (const verb of verbs) bits |= bitOf[verb]
      any |= bits
      for (const model of models) {
        if (model === everything) all |= bits
        else if (model.includes("*")) this.patterns.push([model.split("*"), bits])
        else this.exact.set(model, (this.exact.get(model) ?? 0) | bits)
      }
    }
    this.any = any
    this.all = all
  }

  /** The key may do this to some model. */
  hasAny(verb: Verb): boolean {
    return (this.any & bitOf[verb]) !== 0
  }

  /** The key may do this to a model; `""`: to every model. */
  has(verb: Verb, model: string): boolean {
    const bit = bitOf[verb]
    if ((this.all & bit) !== 0) return true
    if (model === "") return false
    if (((this.exact.get(model) ?? 0) & bit) !== 0) return true
    for (const [parts, bits] of this.patterns) {
      if ((bits & bit) !== 0 && fits(parts, model)) return true
    }
    return false
  }
}

/** For keys that nobody asks for: everything. @internal */
export const unbounded = new Scopes([{ models: [everything], verbs }])
