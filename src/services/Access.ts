/**
 * Decides who may ask for what, and how often.
 *
 * Upstream: the front ends, once for each request. Downstream: the file of API keys, and the counters of clients.
 */
import { Context, type Effect } from "effect"
import type { Forbidden, Overloaded, RateLimited, Unauthenticated } from "../schema/Errors.ts"
import type { Operation } from "../schema/Operations.ts"

/** Who asks, as the request and its connection tell. @category models */
export interface Asker {
  /** `Authorization`, as it came. */
  readonly authorization: string | undefined
  /** `X-API-Key`, as it came. */
  readonly apiKey: string | undefined
  /** The address at the other end of the connection; `undefined`: the transport does not tell. */
  readonly peer: string | undefined
  /** `X-Forwarded-For`, as it came. */
  readonly forwardedFor: string | undefined
}

/** Why a request is not answered. @category models */
export interface Refused {
  readonly _tag: "Refused"
  readonly failure: Unauthenticated | Forbidden | RateLimited | Overloaded
  /** Id of the API key that it came with, where that is a valid one. */
  readonly key?: string
  /** What the answer tells beyond the failure, as names of HTTP headers and values in turn. */
  readonly headers: ReadonlyArray<string>
}

/** A request that may go on, with what is left to ask once its model is known. @category models */
export interface Pass {
  readonly _tag: "Pass"
  /** Id of the API key; `undefined`: no keys are wanted. */
  readonly key: string | undefined
  /** What its answer tells of limits, as names of HTTP headers and values in turn. */
  readonly headers: ReadonlyArray<string>
  /** Why the operation may not be done to a model; `""` stands for the whole server. */
  readonly over: (model: string) => Refused | undefined
  /** As `over`, for a request that changes something where its operation tells the two apart. */
  readonly change: (model: string) => Refused | undefined
  /** The client may read this model: the others are left out of lists. */
  readonly sees: (model: string) => boolean
  /** Takes one more request of the same call: a message of a stream. Its key must still be valid. */
  readonly again: () => Verdict | Effect.Effect<Verdict>
}

/** @category models */
export type Verdict = Pass | Refused

/** What has been decided so far. @category models */
export interface AccessUsage {
  readonly allowed: number
  readonly refused: Readonly<Record<"unauthenticated" | "forbidden" | "rate_limited" | "limiter_away", number>>
  /** Zeros where no keys are wanted. */
  readonly keys: { readonly known: number; readonly reloads: number; readonly failures: number }
  readonly clients: {
    /** Clients that are remembered in this process. */
    readonly remembered: number
    /** Clients that were forgotten before they had their whole allowance again. */
    readonly forgotten: number
    /** Requests about which the shared store could not be asked. */
    readonly storeFailures: number
  }
}

/** @category models */
export interface AccessState {
  /**
   * Knows the client and takes one request from what it may send. A value where that is known at once, as without a shared store.
   * It does not fail. `model`: what the request is about, `""` for the whole server; `undefined`: none, or it is not known yet, and
   * the pass is asked once it is.
   */
  readonly admit: (operation: Operation, asker: Asker, model: string | undefined) => Verdict | Effect.Effect<Verdict>
  /** As `admit`, without taking or counting anything: for requests that are part of another one. */
  readonly identify: (operation: Operation, asker: Asker, model: string | undefined) => Verdict
  readonly usage: () => AccessUsage
}

/** `undefined`: everybody may do everything, and nobody is asked. @category services */
export const Access: Context.Reference<AccessState | undefined> = Context.Reference<AccessState | undefined>(
  "galatea/services/Access",
  { defaultValue: () => undefined }
)
