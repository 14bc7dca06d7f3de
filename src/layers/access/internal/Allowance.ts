/** What a client may send, and how its answers tell of it. Source: RFC 9110 §10.2.3, draft-ietf-httpapi-ratelimit-headers-10. */
import type { Quota, Rate } from "../../../schema/ApiKeys.ts"

/** A bucket of requests that fills again all the time. @internal */
export interface Policy {
  readonly name: "rate" | "quota"
  /** Requests that a full one holds. */
  readonly capacity: number
  /** Milliseconds until an empty one is full. */
  readonly windowMillis: number
}

/** @internal */
export interface Allowance {
  /** At least one; each request is taken from all of them. */
  readonly policies: ReadonlyArray<Policy>
  /** Value of `RateLimit-Policy`. */
  readonly header: string
}

/** One bucket after a request. @internal */
export interface Level {
  /** Whole requests that it still holds. */
  readonly remaining: number
  /** Milliseconds until it is full. */
  readonly fullMillis: number
}

/** What came of asking for one request. @internal */
export interface Taken {
  /** Milliseconds until a request is allowed; 0: this one is. */
  readonly retryMillis: number
  /** Of each policy, in order. */
  readonly levels: ReadonlyArray<Level>
}

const seconds = (millis: number): number => Math.max(1, Math.ceil(millis / 1000))

/** `undefined`: no bound. @internal */
export const make = (rate: Rate | undefined, quota: Quota | undefined): Allowance | undefined => {
  const policies: Array<Policy> = []
  if (rate !== undefined) {
    const windowMillis = rate.burst / rate.requestsPerSecond * 1000
    policies.push({ name: "rate", capacity: rate.burst, windowMillis })
  }
  if (quota !== undefined) {
    policies.push({ name: "quota", capacity: quota.requests, windowMillis: quota.windowSeconds * 1000 })
  }
  if (policies.length === 0) return undefined
  const header = policies.map(({ capacity, name, windowMillis }) =>
    `"${name}";q=${capacity};w=${seconds(windowMillis)}`
  ).join(", ")
  return { policies, header }
}

/** The bounds for people. @internal */
export const describe = ({ policies }: Allowance): string =>
  policies.map(({ capacity, windowMillis }) => `${capacity} requests within ${windowMillis / 1000} s`).join(" and ")

/** Headers of any answer to the client, as names and values in turn. @internal */
export const headersOf = ({ header, policies }: Allowance, { levels }: Taken): ReadonlyArray<string> => {
  let text = ""
  for (let i = 0; i < policies.length; i++) {
    const { fullMillis, remaining } = levels[i]!
    text += `${i === 0 ? "" : ", "}"${policies[i]!.name}";r=${remaining};t=${Math.ceil(fullMillis / 1000)}`
  }
  return ["RateLimit-Policy", header, "RateLimit", text]
}

/** Headers of the answer to a request that is not allowed. @internal */
export const refusalHeaders = (allowance: Allowance, taken: Taken): ReadonlyArray<string> => [
  ...headersOf(allowance, taken),
  "Retry-After",
  String(seconds(taken.retryMillis))
]
