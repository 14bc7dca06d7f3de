/** How many requests a client may send: the bounds, and where they are counted. */
import { Effect } from "effect"
import type { Quota, Rate } from "../../../schema/ApiKeys.ts"
import { Overloaded, RateLimited } from "../../../schema/Errors.ts"
import type { Refused } from "../../../services/Access.ts"
import * as Allowance from "./Allowance.ts"
import type { LocalLimits } from "./LocalLimits.ts"
import type { RedisLimits } from "./RedisLimits.ts"

/** A request that was counted, or need not be. @internal */
export interface Counted {
  readonly _tag: "Counted"
  /** Names of HTTP headers and values in turn. */
  readonly headers: ReadonlyArray<string>
}

/** Bounds of a client's own; what is `undefined` is as for all. @internal */
export interface Bounds {
  readonly rate: Rate | undefined
  readonly quota: Quota | undefined
}

/** @internal */
export interface Options extends Bounds {
  readonly local: LocalLimits
  /** `undefined`: the counters are in this process. */
  readonly redis: RedisLimits | undefined
  /** Requests go on while Redis cannot be asked. */
  readonly failsOpen: boolean
}

const uncounted: Counted = { _tag: "Counted", headers: [] }

/** @internal */
export class Limits {
  private readonly options: Options
  private readonly common: Allowance.Allowance | undefined
  private readonly own = new WeakMap<Bounds, { readonly allowance: Allowance.Allowance | undefined }>()

  constructor(options: Options) {
    this.options = options
    this.common = Allowance.make(options.rate, options.quota)
  }

  get remembered(): number {
    return this.options.local.remembered
  }

  get forgotten(): number {
    return this.options.local.forgotten
  }

  get storeFailures(): number {
    return this.options.redis?.failures() ?? 0
  }

  /** Takes one request of a client. `bounds`: those of its key. */
  take(client: string, bounds: Bounds | undefined): Counted | Refused | Effect.Effect<Counted | Refused> {
    const allowance = this.allowanceOf(bounds)
    if (allowance === undefined) return uncounted
    const { local, redis } = this.options
    return redis === undefined
      ? outcome(allowance, local.take(client, allowance))
      : Effect.map(
        redis.take(client, allowance),
        (taken) => taken === undefined ? this.away : outcome(allowance, taken)
      )
  }

  private get away(): Counted | Refused {
    return this.options.failsOpen ? uncounted : {
      _tag: "Refused",
      failure: new Overloaded({
        message:
          "The store that counts the requests of clients cannot be asked, and this server answers none without it."
      }),
      headers: ["Retry-After", "1"]
    }
  }

  private allowanceOf(bounds: Bounds | undefined): Allowance.Allowance | undefined {
    if (bounds === undefined || (bounds.rate === undefined && bounds.quota === undefined)) return this.common
    const known = this.own.get(bounds)
    if (known !== undefined) return known.allowance
    const { quota, rate } = this.options
    const allowance = Allowance.make(bounds.rate ?? rate, bounds.quota ?? quota)
    this.own.set(bounds, { allowance })
    return allowance
  }
}

const outcome = (allowance: Allowance.Allowance, taken: Allowance.Taken): Counted | Refused => {
  if (taken.retryMillis === 0) return { _tag: "Counted", headers: Allowance.headersOf(allowance, taken) }
  const retryAfterMillis = Math.ceil(taken.retryMillis)
  return {
    _tag: "Refused",
    failure: new RateLimited({
      message: `This client has sent all that it may send for now: ${Allowance.describe(allowance)}. Retry in ` +
        `${Math.ceil(retryAfterMillis / 1000)} s.`,
      retryAfterMillis
    }),
    headers: Allowance.refusalHeaders(allowance, taken)
  }
}
