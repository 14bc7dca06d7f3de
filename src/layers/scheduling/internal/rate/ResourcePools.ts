/**
 * What there is of each resource, and what is taken: one pool for each device, or one for the whole server.
 *
 * Source: scheduling §6.
 */
import { Result } from "effect"
import type { PlannedInstance, ResourceNeed } from "../../../../services/Executor.ts"

/** How much there is of a resource, as an operator says. @category models */
export interface Amount {
  readonly name: string
  readonly count: number
  /** `undefined`: for every device, and for the whole server where the resource is global. */
  readonly device: number | undefined
}

/** @category models */
export class ResourcePool {
  readonly name: string
  /** `undefined`: for the whole server. */
  readonly device: number | undefined
  size = 0
  granted = 0
  /** Instances in line that need some of it. */
  waiting = 0
  /** What each instance needs that was taken in. */
  readonly needs: Array<number> = []

  constructor(name: string, device: number | undefined) {
    this.name = name
    this.device = device
  }
}

/** What an instance needs of one pool. @category models */
export interface Share {
  readonly pool: ResourcePool
  readonly count: number
}

/** A name that is listed twice counts once, as its last entry says. Passive instances need nothing: they never run. */
const needsOf = ({ passive, resources }: PlannedInstance): ReadonlyArray<ResourceNeed> =>
  passive === true || resources === undefined
    ? []
    : [...new Map(resources.map((need) => [`${need.global}/${need.name}`, need])).values()]

/** @category models */
export class ResourcePools {
  /** By name, then by device; `undefined` for the whole server. */
  private readonly pools = new Map<string, Map<number | undefined, ResourcePool>>()
  /** The same; the least of what was said. `undefined`: nothing was said of any resource. */
  private readonly amounts: ReadonlyMap<string, ReadonlyMap<number | undefined, number>> | undefined

  constructor(amounts: ReadonlyArray<Amount>) {
    const said = new Map<string, Map<number | undefined, number>>()
    for (const { count, device, name } of amounts) {
      const entries = said.get(name) ?? new Map<number | undefined, number>()
      said.set(name, entries.set(device, Math.min(count, entries.get(device) ?? Infinity)))
    }
    this.amounts = amounts.length === 0 ? undefined : said
  }

  /** All pools that some instance needs. */
  get all(): ReadonlyArray<ResourcePool> {
    return [...this.pools.values()].flatMap((pools) => [...pools.values()])
  }

  /** Takes instances in, and says what each of them needs; or a sentence why they could never run. */
  add(instances: ReadonlyArray<PlannedInstance>): Result.Result<ReadonlyArray<ReadonlyArray<Share>>, string> {
    const shares = instances.map((instance) =>
      needsOf(instance).map((need): Share => ({
        pool: this.poolOf(need.name, need.global ? undefined : instance.device.id),
        count: need.count
      }))
    )
    for (const { count, pool } of shares.flat()) pool.needs.push(count)
    const problem = this.problem(shares.flat())
    if (problem !== undefined) {
      this.remove(shares)
      return Result.fail(problem)
    }
    for (const { pool } of shares.flat()) pool.size = this.sizeOf(pool)
    return Result.succeed(shares)
  }

  /** Takes instances out again: pools that nobody has set a size of get smaller, or end. */
  remove(shares: ReadonlyArray<ReadonlyArray<Share>>): void {
    for (const { count, pool } of shares.flat()) {
      pool.needs.splice(pool.needs.indexOf(count), 1)
      pool.size = this.sizeOf(pool)
      if (pool.needs.length > 0) continue
      const pools = this.pools.get(pool.name)
      pools?.delete(pool.device)
      if (pools?.size === 0) this.pools.delete(pool.name)
    }
  }

  private problem(shares: ReadonlyArray<Share>): string | undefined {
    for (const { pool } of shares) {
      const pools = this.pools.get(pool.name)!
      if (pools.has(undefined) && pools.size > 1) {
        return `Resource "${pool.name}" is present as both global and device-specific resource in the model configuration.`
      }
    }
    for (const { pool } of shares) {
      const size = this.sizeOf(pool)
      const needed = Math.max(...pool.needs)
      if (size < needed) {
        return `Resource count for "${pool.name}" is limited to ${size} which will prevent scheduling of one or more model ` +
          `instances, the minimum required count is ${needed}`
      }
    }
    return undefined
  }

  private sizeOf({ device, name, needs }: ResourcePool): number {
    if (this.amounts === undefined) return Math.max(0, ...needs)
    const said = this.amounts.get(name)
    if (said === undefined) return 0
    if (device === undefined) return Math.max(...said.values())
    return Math.max(said.get(device) ?? 0, said.get(undefined) ?? 0)
  }

  private poolOf(name: string, device: number | undefined): ResourcePool {
    const pools = this.pools.get(name) ?? new Map<number | undefined, ResourcePool>()
    this.pools.set(name, pools)
    const pool = pools.get(device) ?? new ResourcePool(name, device)
    pools.set(device, pool)
    return pool
  }
}
