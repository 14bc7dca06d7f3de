/** Limiters with one bug each: what the simulation must find. */
import { LaneLine } from "../../../src/layers/scheduling/internal/LaneLine.ts"
import { LimitedInstance } from "../../../src/layers/scheduling/internal/rate/LimitedInstance.ts"
import { ResourcePools } from "../../../src/layers/scheduling/internal/rate/ResourcePools.ts"
import { type Claim, Seat, TurnLine } from "../../../src/layers/scheduling/internal/rate/TurnLine.ts"
import type { Property } from "./RateModel.ts"

export interface Bug {
  /** "finds a limiter that …" */
  readonly name: string
  readonly breaks: Property
  /** Puts it in, and says how to take it out. */
  readonly plant: () => () => void
}

/** Replaces a member of a class until it is undone. */
const replace =
  (prototype: object, name: string, change: (original: PropertyDescriptor) => PropertyDescriptor) => () => {
    const original = Object.getOwnPropertyDescriptor(prototype, name)!
    Object.defineProperty(prototype, name, { ...original, ...change(original) })
    return () => Object.defineProperty(prototype, name, original)
  }

/** The private parts of a line. */
interface Line {
  readonly staged: Array<Claim>
  readonly unstage: (claim: Claim) => void
}

export const bugs: ReadonlyArray<Bug> = [
  {
    name: "gives back less than it took",
    breaks: "given-back",
    plant: replace(TurnLine.prototype, "release", ({ value }) => ({
      value(this: TurnLine, claim: Claim, executed: boolean) {
        value.call(this, claim, executed)
        if (executed && claim.seat.shares.length > 1) claim.seat.shares[1]!.pool.granted += 1
      }
    }))
  },
  {
    name: "does not look whether there is enough",
    breaks: "never-above",
    plant: replace(TurnLine.prototype, "attempt", () => ({
      value(this: Line) {
        for (let first = this.staged[0]; first !== undefined; first = this.staged[0]) {
          this.unstage(first)
          first.state = "granted"
          for (const { count, pool } of first.seat.shares) pool.granted += count
          first.granted()
        }
      }
    }))
  },
  {
    name: "ignores priorities",
    breaks: "order",
    plant: replace(Seat.prototype, "rank", () => ({
      get(this: Seat) {
        return this.executions
      }
    }))
  },
  {
    name: "serves in the order of arrival",
    breaks: "order",
    plant: replace(TurnLine.prototype, "placeOf", () => ({
      value(this: Line) {
        return this.staged.length
      }
    }))
  },
  {
    name: "lets those pass for whom there is enough",
    breaks: "order",
    plant: replace(TurnLine.prototype, "attempt", ({ value }) => ({
      value(this: Line) {
        value.call(this)
        const next = this.staged.find(({ seat }) =>
          seat.shares.every(({ count, pool }) => pool.granted + count <= pool.size)
        )
        if (next === undefined || next === this.staged[0]) return
        this.unstage(next)
        next.state = "granted"
        for (const { count, pool } of next.seat.shares) pool.granted += count
        next.granted()
      }
    }))
  },
  {
    name: "does not look again after a release",
    breaks: "progress",
    plant: () => {
      const inside = replace(TurnLine.prototype, "stage", ({ value }) => ({
        value(this: TurnLine & { looks: boolean }, claim: Claim) {
          this.looks = true
          value.call(this, claim)
          this.looks = false
        }
      }))()
      const outside = replace(TurnLine.prototype, "attempt", ({ value }) => ({
        value(this: TurnLine & { looks: boolean }) {
          if (this.looks) value.call(this)
        }
      }))()
      return () => {
        outside()
        inside()
      }
    }
  },
  {
    name: "keeps turns that nobody uses any more",
    breaks: "given-back",
    plant: replace(LimitedInstance.prototype, "drop", () => ({ value() {} }))
  },
  {
    name: "forgets runs that wait on an instance that is lost",
    breaks: "ends",
    plant: () => {
      const splice = replace(LimitedInstance.prototype, "queue", ({ value }) => ({
        value(this: { readonly waiting: Array<{ done: () => void }> }) {
          for (const run of this.waiting) run.done = () => {}
          value.call(this)
        }
      }))
      return splice()
    }
  },
  {
    name: "keeps pools as large as they once were",
    breaks: "load",
    plant: replace(ResourcePools.prototype, "remove", ({ value }) => ({
      value(this: ResourcePools, shares: Parameters<ResourcePools["remove"]>[0]) {
        const sizes = this.all.map((pool) => [pool, pool.size] as const)
        value.call(this, shares)
        for (const [pool, size] of sizes) pool.size = size
      }
    }))
  },
  {
    name: "stands in line for nobody",
    breaks: "given-back",
    plant: replace(LaneLine.prototype, "want", ({ value }) => ({
      value(this: LaneLine, runs: number) {
        value.call(this, Math.max(1, runs))
      }
    }))
  },
  {
    name: "asks for the instance that has run most",
    breaks: "progress",
    plant: replace(LaneLine.prototype, "balance", ({ value }) => ({
      value(this: { lanes: ReadonlyArray<unknown> }) {
        const { lanes } = this
        this.lanes = lanes.slice(-1)
        value.call(this)
        this.lanes = lanes
      }
    }))
  }
]
