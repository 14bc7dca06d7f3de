/** Decides about each request: who asks, whether it has asked too often, and whether it may. */
import { Effect } from "effect"
import { Forbidden, Unauthenticated } from "../../../schema/Errors.ts"
import type { Operation, Verb } from "../../../schema/Operations.ts"
import type { AccessState, AccessUsage, Asker, Pass, Refused, Verdict } from "../../../services/Access.ts"
import type { ClientAddress } from "./ClientAddress.ts"
import { keyOf } from "./Credentials.ts"
import type { Key } from "./KeyRing.ts"
import type { Counted, Limits } from "./Limits.ts"
import { unbounded } from "./Scopes.ts"
import type { WatchedKeys } from "./WatchedKeys.ts"

/** @internal */
export interface Options {
  /** `undefined`: nobody needs a key. */
  readonly keys: WatchedKeys | undefined
  readonly addresses: ClientAddress
  readonly limits: Limits
  /** Probes need a key like everything else. */
  readonly guardsProbes: boolean
  /** Milliseconds since 1970. */
  readonly nowMillis: () => number
}

/** What is asked about a request, as in `admit`. */
interface Question {
  readonly operation: Operation
  readonly asker: Asker
  readonly model: string | undefined
}

/** Why a request is refused, as metrics name it. */
type Reason = keyof AccessUsage["refused"]

const none: ReadonlyArray<string> = []
const challenge = "Bearer realm=\"galatea\""

const unauthenticated = (message: string, more = ""): Refused => ({
  _tag: "Refused",
  failure: new Unauthenticated({ message }),
  headers: ["WWW-Authenticate", challenge + more]
})

const missing = unauthenticated(
  "This server wants an API key. Send it as the header 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
)
const invalid = ", error=\"invalid_token\""
const unknown = unauthenticated("This server does not know the API key.", invalid)

/** Of requests that need nothing. */
const free: Pass = {
  _tag: "Pass",
  key: undefined,
  headers: none,
  over: () => undefined,
  change: () => undefined,
  sees: () => true,
  again: () => free
}

const isKey = (found: Key | Refused | undefined): found is Key => found !== undefined && !("_tag" in found)

/** @internal */
export class Gate implements AccessState {
  readonly options: Options
  private readonly refusals: Record<Reason, number> = {
    unauthenticated: 0,
    forbidden: 0,
    rate_limited: 0,
    limiter_away: 0
  }
  private allowed = 0

  constructor(options: Options) {
    this.options = options
  }

  readonly admit = (
    operation: Operation,
    asker: Asker,
    model: string | undefined
  ): Verdict | Effect.Effect<Verdict> => {
    if (this.isOpen(operation)) return free
    const key = this.keyOf(asker)
    const counted = this.count(key, asker)
    return Effect.isEffect(counted)
      ? Effect.map(counted, (taken) => this.decide({ operation, asker, model }, key, taken))
      : this.decide({ operation, asker, model }, key, counted)
  }

  readonly identify = (operation: Operation, asker: Asker, model: string | undefined): Verdict => {
    if (this.isOpen(operation)) return free
    const key = this.keyOf(asker)
    return key === undefined || isKey(key) ? this.passOf({ operation, asker, model }, key, none) : key
  }

  readonly usage = (): AccessUsage => {
    const { keys, limits } = this.options
    return {
      allowed: this.allowed,
      refused: { ...this.refusals },
      keys: { known: keys?.ring().size ?? 0, reloads: keys?.reloads() ?? 0, failures: keys?.failures() ?? 0 },
      clients: { remembered: limits.remembered, forgotten: limits.forgotten, storeFailures: limits.storeFailures }
    }
  }

  /** Counts a refusal. */
  refuse(refused: Refused): Refused {
    const { _tag } = refused.failure
    const reason: Reason = _tag === "Unauthenticated"
      ? "unauthenticated"
      : _tag === "Forbidden"
      ? "forbidden"
      : _tag === "RateLimited"
      ? "rate_limited"
      : "limiter_away"
    this.refusals[reason]++
    return refused
  }

  private isOpen({ need }: Operation): boolean {
    return need === "open" || (need === "probe" && !this.options.guardsProbes)
  }

  /** `undefined`: nobody needs one. */
  private keyOf(asker: Asker): Key | Refused | undefined {
    const { keys, nowMillis } = this.options
    if (keys === undefined) return undefined
    const text = keyOf(asker)
    if (text === undefined) return missing
    const key = keys.ring().find(text)
    if (key === undefined) return unknown
    return key.expiresAt !== undefined && key.expiresAt <= nowMillis()
      ? unauthenticated(`The API key '${key.id}' has expired.`, invalid)
      : key
  }

  /** Whoever tries keys is counted by its address. */
  private count(key: Key | Refused | undefined, asker: Asker): Counted | Refused | Effect.Effect<Counted | Refused> {
    const { addresses, limits } = this.options
    return isKey(key) ? limits.take(`key:${key.id}`, key) : limits.take(`address:${addresses.of(asker)}`, undefined)
  }

  private decide(question: Question, key: Key | Refused | undefined, counted: Counted | Refused): Verdict {
    if (counted._tag === "Refused") return this.refuse(isKey(key) ? { ...counted, key: key.id } : counted)
    if (key !== undefined && !isKey(key)) return this.refuse(key)
    const verdict = this.passOf(question, key, counted.headers)
    if (verdict._tag === "Refused") return this.refuse(verdict)
    this.allowed++
    return verdict
  }

  private passOf({ asker, model, operation }: Question, key: Key | undefined, headers: ReadonlyArray<string>): Verdict {
    const { need } = operation
    const { change = need } = operation
    if (key !== undefined && isVerb(need) && model !== undefined && !key.scopes.has(need, model)) {
      return forbiddenOver(key, need, model)
    }
    return key !== undefined && isVerb(need) && isVerb(change) && !key.scopes.hasAny(need) && !key.scopes.hasAny(change)
      ? forbidden(key.id, `may not '${need}' with any model.`)
      : new KeyPass(this, operation, asker, key, headers)
  }
}

const isVerb = (need: Operation["need"]): need is Verb => need === "infer" || need === "read" || need === "admin"

const forbidden = (key: string, what: string): Refused => ({
  _tag: "Refused",
  failure: new Forbidden({ message: `The API key '${key}' ${what}` }),
  headers: none,
  key
})

const forbiddenOver = ({ id }: Key, verb: Verb, model: string): Refused => {
  const about = model === ""
    ? "the whole server, for which it needs a scope of the models '*'"
    : `model '${shown(model)}'`
  return forbidden(id, `may not '${verb}' with ${about}.`)
}

/** Clients send names of any length. */
const shown = (model: string): string => model.length > 256 ? `${model.slice(0, 256)}…` : model

/** Of a client whose key is known, or of any where no keys are wanted. */
class KeyPass implements Pass {
  readonly _tag = "Pass"
  readonly key: string | undefined
  readonly headers: ReadonlyArray<string>
  private readonly gate: Gate
  private readonly operation: Operation
  private readonly asker: Asker
  private readonly known: Key | undefined

  constructor(
    gate: Gate,
    operation: Operation,
    asker: Asker,
    known: Key | undefined,
    headers: ReadonlyArray<string>
  ) {
    this.gate = gate
    this.operation = operation
    this.asker = asker
    this.known = known
    this.key = known?.id
    this.headers = headers
  }

  over(model: string): Refused | undefined {
    const { need } = this.operation
    return isVerb(need) ? this.may(need, model) : undefined
  }

  change(model: string): Refused | undefined {
    const { change } = this.operation
    return change === undefined ? this.over(model) : this.may(change, model)
  }

  sees(model: string): boolean {
    return (this.known?.scopes ?? unbounded).has("read", model)
  }

  again(): Verdict | Effect.Effect<Verdict> {
    return this.gate.admit(this.operation, this.asker, undefined)
  }

  private may(verb: Verb, model: string): Refused | undefined {
    if (this.known === undefined || this.known.scopes.has(verb, model)) return undefined
    return this.gate.refuse(forbiddenOver(this.known, verb, model))
  }
}
