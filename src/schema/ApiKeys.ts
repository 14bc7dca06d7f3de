/** The file of API keys: what it may hold, and what is wrong with one that holds something else. */
import { DateTime, Option, Result, Schema, SchemaIssue } from "effect"
import type * as JsonPlaces from "./JsonPlaces.ts"
import { type Verb, verbs } from "./Operations.ts"

/** Keys that a file may have. @category constants */
export const maxKeys = 100_000

/** A request rate that a client may keep, and what it may send at once after a pause. @category models */
export interface Rate {
  readonly requestsPerSecond: number
  readonly burst: number
}

/** So many requests, whose allowance is whole again after the window. @category models */
export interface Quota {
  readonly requests: number
  readonly windowSeconds: number
}

/** Models by their names, of which `*` stands for any characters, with what may be done to them. @category models */
export interface Scope {
  readonly models: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<Verb>
}

/** @category models */
export interface ApiKey {
  readonly id: string
  /** SHA-256 of the key, 64 hexadecimal digits in lower case. */
  readonly digest: string
  readonly scopes: ReadonlyArray<Scope>
  /** Milliseconds since 1970; `undefined`: never. */
  readonly expiresAt: number | undefined
  /** `undefined`: that of the server. */
  readonly rate: Rate | undefined
  /** `undefined`: that of the server. */
  readonly quota: Quota | undefined
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1e12 }))
const Expiry = Schema.String.check(
  Schema.makeFilter((text) => /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(text) && millisOf(text) !== undefined)
)

const Key = Schema.Struct({
  id: Schema.String.check(Schema.isPattern(idPattern)),
  hash: Schema.String.check(Schema.isPattern(/^sha256:[0-9a-f]{64}$/)),
  scopes: Schema.Array(Schema.Struct({
    models: Schema.Array(Schema.NonEmptyString).check(Schema.isMinLength(1)),
    verbs: Schema.Array(Schema.Literals(verbs)).check(Schema.isMinLength(1))
  })),
  expires: Schema.optionalKey(Expiry),
  rate: Schema.optionalKey(Schema.Struct({
    requestsPerSecond: Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 1e9 })),
    burst: Schema.optionalKey(Count)
  })),
  quota: Schema.optionalKey(Schema.Struct({ requests: Count, windowSeconds: Count }))
})

/** The contents of the file. @category schemas */
export const ApiKeysJson = Schema.Struct({ keys: Schema.Array(Key).check(Schema.isMaxLength(maxKeys)) })

const millisOf = (text: string): number | undefined =>
  Option.getOrUndefined(Option.map(DateTime.make(text), DateTime.toEpochMillis))

/** What is wrong in the file, and with which value. @category models */
export interface Fault {
  readonly path: JsonPlaces.Path
  /** What is wrong there, to follow the field's name. Never a value of the file: it may hold a key by mistake. */
  readonly problem: string
}

/** What each field takes; `*` stands for any position. */
const expectations: ReadonlyArray<readonly [path: string, expected: string]> = [
  ["", "an object with 'keys'"],
  ["keys", `a list of at most ${maxKeys} keys`],
  ["keys.*", "an object with 'id', 'hash' and 'scopes', and if wanted 'expires', 'rate' and 'quota'"],
  ["keys.*.id", "1 to 64 letters, digits and . _ @ -, by which the log names the key"],
  ["keys.*.hash", "\"sha256:\" and 64 hexadecimal digits in lower case, as 'galatea key create' prints it"],
  ["keys.*.scopes", "a list of scopes"],
  ["keys.*.scopes.*", "an object with 'models' and 'verbs'"],
  ["keys.*.scopes.*.models", "a list of names of models, in which * stands for any characters"],
  ["keys.*.scopes.*.models.*", "the name of a model, in which * stands for any characters"],
  ["keys.*.scopes.*.verbs", `a list with some of ${verbs.join(", ")}`],
  ["keys.*.scopes.*.verbs.*", `one of ${verbs.join(", ")}`],
  ["keys.*.expires", "a moment such as \"2030-12-31T00:00:00Z\""],
  ["keys.*.rate", "an object with 'requestsPerSecond' and, if wanted, 'burst'"],
  ["keys.*.rate.requestsPerSecond", "a number from 0.001 on"],
  ["keys.*.rate.burst", "a whole number of requests from 1 on"],
  ["keys.*.quota", "an object with 'requests' and 'windowSeconds'"],
  ["keys.*.quota.requests", "a whole number of requests from 1 on"],
  ["keys.*.quota.windowSeconds", "a whole number of seconds from 1 on"]
]

const expectedAt = (path: JsonPlaces.Path): string | undefined => {
  const shape = path.map((step) => typeof step === "number" ? "*" : String(step)).join(".")
  return expectations.find(([pattern]) => pattern === shape)?.[1]
}

const decode = Schema.decodeUnknownResult(ApiKeysJson, { onExcessProperty: "error" })

const firstPath = (issue: SchemaIssue.Issue): JsonPlaces.Path =>
  SchemaIssue.makeFormatterStandardSchemaV1()(issue).issues[0]?.path?.map((step) =>
    typeof step === "object" ? step.key : step
  ) ?? []

const faultOf = (json: unknown, issue: SchemaIssue.Issue): Fault => {
  const path = firstPath(issue)
  const expected = expectedAt(path)
  if (expected !== undefined) {
    return { path, problem: `is ${isThere(json, path) ? "wrong" : "missing"}; expected ${expected}` }
  }
  return { path, problem: `is no field; expected ${expectedAt(path.slice(0, -1)) ?? "another one"}` }
}

const isThere = (json: unknown, path: JsonPlaces.Path): boolean => {
  let value = json
  for (const step of path) value = (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[step]
  return value !== undefined
}

const keyOf = ({ expires, hash, id, quota, rate, scopes }: typeof Key.Type): ApiKey => ({
  id,
  digest: hash.slice("sha256:".length),
  scopes,
  expiresAt: expires === undefined ? undefined : millisOf(expires),
  rate: rate === undefined ? undefined : { burst: Math.max(1, Math.ceil(rate.requestsPerSecond)), ...rate },
  quota
})

/** The keys of a file whose text was parsed. No two have the same id or the same hash. @category decoding */
export const fromJson = (json: unknown): Result.Result<ReadonlyArray<ApiKey>, Fault> => {
  const decoded = decode(json)
  if (Result.isFailure(decoded)) return Result.fail(faultOf(json, decoded.failure.issue))
  const ids = new Set<string>()
  const hashes = new Set<string>()
  for (const [i, { hash, id }] of decoded.success.keys.entries()) {
    const twice = ids.has(id) ? "id" : hashes.has(hash) ? "hash" : undefined
    if (twice !== undefined) {
      return Result.fail({ path: ["keys", i, twice], problem: "is that of a key before it; expected one of its own" })
    }
    ids.add(id)
    hashes.add(hash)
  }
  return Result.succeed(decoded.success.keys.map(keyOf))
}
