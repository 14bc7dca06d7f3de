/**
 * What clients have left, in the memory of this process.
 *
 * Effect's store in memory keeps every key for ever and follows the clock of the wall, so that a clock that is put back locks clients
 * out. Here the clients are bounded, time is monotonic, and a request costs no fiber.
 */
import type { Allowance, Taken } from "./Allowance.ts"

/** Milliseconds at which the buckets of a client are full again; 0: they always were. */
interface Account {
  rate: number
  quota: number
}

/** A bucket is never emptier than empty, also where its bounds were changed while it filled. */
const fullAt = (noted: number, now: number, windowMillis: number): number =>
  Math.min(Math.max(now, noted), now + windowMillis)

/** @internal */
export class LocalLimits {
  private readonly accounts = new Map<string, Account>()
  private readonly maxClients: number
  private readonly nowMillis: () => number
  forgotten = 0

  /** `nowMillis` never goes back. Beyond `maxClients` the one that has asked for nothing the longest is forgotten. */
  constructor(maxClients: number, nowMillis: () => number) {
    this.maxClients = maxClients
    this.nowMillis = nowMillis
  }

  get remembered(): number {
    return this.accounts.size
  }

  /** Takes one request of a client, from all of its buckets or from none. */
  take(client: string, { policies }: Allowance): Taken {
    const now = this.nowMillis()
    const account = this.touch(client, now)
    let retryMillis = 0
    for (let i = 0; i < policies.length; i++) {
      const { capacity, name, windowMillis } = policies[i]!
      const full = fullAt(account[name], now, windowMillis)
      const over = full + windowMillis / capacity - now - windowMillis
      // A sum of fractions may miss a whole by a little.
      if (over > 1e-6 && over > retryMillis) retryMillis = over
    }
    const levels = []
    for (let i = 0; i < policies.length; i++) {
      const { capacity, name, windowMillis } = policies[i]!
      const before = fullAt(account[name], now, windowMillis)
      const full = retryMillis === 0 ? before + windowMillis / capacity : before
      account[name] = full
      const remaining = Math.max(0, Math.floor(capacity * (1 - (full - now) / windowMillis) + 1e-9))
      levels.push({ remaining, fullMillis: full - now })
    }
    return { retryMillis, levels }
  }

  /** The account of a client, which has asked last of all. */
  private touch(client: string, now: number): Account {
    const { accounts } = this
    const known = accounts.get(client)
    if (known !== undefined) {
      accounts.delete(client)
      accounts.set(client, known)
      return known
    }
    if (accounts.size >= this.maxClients) {
      const [oldest, account] = accounts.entries().next().value!
      accounts.delete(oldest)
      if (account.rate > now || account.quota > now) this.forgotten++
    }
    const made: Account = { rate: 0, quota: 0 }
    accounts.set(client, made)
    return made
  }
}
