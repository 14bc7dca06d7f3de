/**
 * The rules of the rate limiter, written anew: what there is of each resource, who uses how much of it, and who stands before whom.
 * It knows of instances only what they are told to do.
 */
import type { ResourceLevel } from "../../../src/services/RateLimiter.ts"
import type { ModelScheduler } from "../../../src/services/Scheduler.ts"
import type { Machine, Machines, Run } from "../Machines.ts"
import type { InstancePlan, ModelPlan, RatePlan } from "./RatePlan.ts"

export type Property =
  | "load"
  | "never-above"
  | "in-turn"
  | "order"
  | "progress"
  | "given-back"
  | "once"
  | "outcome"
  | "ends"

export interface Violation {
  readonly property: Property
  readonly what: string
}

/** A model that is loaded. */
export class Loaded {
  readonly index: number
  readonly plan: ModelPlan
  readonly executions: Array<number>
  machines: Machines | undefined
  scheduler: ModelScheduler | undefined
  closing = false
  /** Runs begun so far. */
  begun = 0
  /** Somebody waited in its queue ever since everything was last at rest. */
  waited = false
  /** The instance that stood first of its own at that time. */
  first: { readonly machine: Machine; readonly rank: number; readonly begun: number } | undefined

  constructor(index: number, plan: ModelPlan, served: number) {
    this.index = index
    this.plan = plan
    this.executions = plan.instances.map(({ priority }) => Math.floor(served / weight(priority)))
  }

  rank(machine: Machine): number {
    return this.executions[machine.index]! * weight(this.plan.instances[machine.index]!.priority)
  }

  /** Asks for a turn as soon as somebody waits. */
  get prompt(): boolean {
    return this.plan.plan.kind === "direct" || (this.plan.plan.delay === 0 && this.plan.plan.preferred.length === 0)
  }

  get waiting(): number {
    return this.scheduler?.depth().waiting ?? 0
  }

  /** Instances that could run something. */
  get idle(): ReadonlyArray<Machine> {
    return this.machines?.all.filter(({ lent, runs, up }) => lent && up && runs.length === 0) ?? []
  }
}

const weight = (priority: number) => Math.max(1, priority)

/** What an instance needs of each pool; a pool is named by its resource and device. */
const needsOf = ({ device, resources }: InstancePlan): ReadonlyMap<string, number> =>
  new Map(resources.map(({ count, global, name }) => [global ? `${name}@all` : `${name}@${device}`, count]))

export class RateModel {
  readonly violations: Array<Violation> = []
  readonly loaded: Array<Loaded> = []
  private readonly plan: RatePlan
  private readonly levels: () => ReadonlyArray<ResourceLevel>
  private readonly used = new Map<string, number>()
  /** What was granted when a pool got smaller, and may be used still. */
  private readonly before = new Map<string, number>()
  /** Ranks of the runs that began since everything was last at rest. */
  private served: Array<{ readonly model: Loaded; readonly rank: number }> = []
  /** Rank of the run that ended last. */
  private last = 0

  constructor(plan: RatePlan, levels: () => ReadonlyArray<ResourceLevel>) {
    this.plan = plan
    this.levels = levels
  }

  violated(property: Property, what: string): void {
    this.violations.push({ property, what })
  }

  /** Why a model cannot be loaded now. */
  refusal(model: ModelPlan): string | undefined {
    const all = [...this.loaded.map(({ plan }) => plan), model]
    const needs = all.flatMap(({ instances }) => instances.flatMap((one) => [...needsOf(one)]))
    const own = new Set(model.instances.flatMap((one) => [...needsOf(one).keys()]))
    const pools = new Set(needs.map(([pool]) => pool))
    for (const pool of own) {
      const [name] = pool.split("@")
      const kinds = [...pools].filter((other) => other.startsWith(`${name}@`))
      if (kinds.length > 1 && kinds.includes(`${name}@all`)) return "both"
    }
    for (const pool of own) {
      const needed = Math.max(...needs.filter(([other]) => other === pool).map(([, count]) => count))
      if (this.sizeOf(pool, all) < needed) return "too small"
    }
    return undefined
  }

  load(index: number, plan: ModelPlan): Loaded {
    const model = new Loaded(index, plan, this.last)
    this.loaded.push(model)
    return model
  }

  unload(model: Loaded): void {
    this.loaded.splice(this.loaded.indexOf(model), 1)
    for (const { device, granted, name } of this.levels()) this.before.set(`${name}@${device ?? "all"}`, granted)
  }

  /** A run begins. */
  started(model: Loaded, { machine }: Run): void {
    model.begun++
    this.looked(model)
    this.served.push({ model, rank: model.rank(machine) })
    if (machine.runs.length > 1) this.violated("in-turn", `instance ${machine.index} was given a second run`)
    if (!this.loaded.includes(model)) this.violated("in-turn", `model ${model.index} runs and is not loaded`)
    for (const [pool, count] of needsOf(model.plan.instances[machine.index]!)) {
      const used = (this.used.get(pool) ?? 0) + count
      this.used.set(pool, used)
      const size = this.sizeOf(pool, this.loaded.map(({ plan }) => plan))
      if (used > Math.max(size, this.before.get(pool) ?? 0)) {
        this.violated("never-above", `${used} of ${pool} are used, but there are ${size}`)
      }
    }
  }

  /** A run is over. */
  ended(model: Loaded, { machine }: Run, executed: boolean): void {
    if (executed) {
      this.last = model.rank(machine)
      model.executions[machine.index]!++
    }
    for (const [pool, count] of needsOf(model.plan.instances[machine.index]!)) {
      this.used.set(pool, this.used.get(pool)! - count)
    }
  }

  /** Something has happened to the queue of a model. */
  looked(model: Loaded): void {
    if (model.waiting === 0) model.waited = false
  }

  /** Everything of one time has happened. */
  rest(): void {
    this.checkPools()
    for (const model of this.loaded) this.checkOrder(model)
    this.served = []
    const firsts = this.loaded.filter(({ prompt, waiting }) => prompt && waiting > 0)
    for (const model of this.loaded) {
      model.waited = model.waiting > 0
      const machine = model.idle.toSorted((a, b) => model.rank(a) - model.rank(b))[0]
      model.first = firsts.includes(model) && machine !== undefined
        ? { machine, rank: model.rank(machine), begun: model.begun }
        : undefined
    }
    this.checkProgress()
  }

  /** Nothing is left: no model, and nothing of any resource. */
  end(): void {
    if (this.loaded.length > 0) this.violated("ends", `${this.loaded.length} models never close`)
    const levels = this.levels()
    if (levels.length > 0) this.violated("given-back", `there is something left: ${JSON.stringify(levels)}`)
  }

  /** What the limiter says is taken is what the runs use, and no more. */
  private checkPools(): void {
    const nobody = this.loaded.every((model) => model.waiting === 0 && model.scheduler !== undefined)
    const levels = this.levels()
    for (const { device, granted, name, size, waiting } of levels) {
      const pool = `${name}@${device ?? "all"}`
      const used = this.used.get(pool) ?? 0
      if (granted !== used) this.violated("given-back", `${granted} of ${pool} are granted, but ${used} are used`)
      if (used <= size) this.before.delete(pool)
      const expected = this.sizeOf(pool, this.loaded.map(({ plan }) => plan))
      if (size !== expected) this.violated("load", `there are ${size} of ${pool} instead of ${expected}`)
      if (nobody && waiting > 0) this.violated("given-back", `${waiting} stand in line for ${pool}, for nobody`)
    }
  }

  /** Nobody of larger rank was let in while this one stood in line. */
  private checkOrder(model: Loaded): void {
    const { first, waited } = model
    if (first === undefined || !waited || first.begun !== model.begun || !model.idle.includes(first.machine)) return
    const passed = this.served.find((other) => other.model !== model && other.rank > first.rank)
    if (passed === undefined) return
    this.violated(
      "order",
      `model ${passed.model.index} of rank ${passed.rank} passed model ${model.index} of rank ${first.rank}`
    )
  }

  /** Whoever stands first lacks something. */
  private checkProgress(): void {
    // What others ask for, and what runs before a queue is open, is not known.
    if (this.loaded.some((model) => !model.prompt || model.scheduler === undefined)) return
    const first = Math.min(...this.loaded.map((model) => model.first?.rank ?? Infinity))
    const tied = this.loaded.filter((model) => model.first?.rank === first)
    if (tied.length === 0) return
    const plans = this.loaded.map(({ plan }) => plan)
    const lacks = (model: Loaded) =>
      model.idle.some((machine) =>
        model.rank(machine) === first &&
        [...needsOf(model.plan.instances[machine.index]!)].some(([pool, count]) =>
          (this.used.get(pool) ?? 0) + count > this.sizeOf(pool, plans)
        )
      )
    if (!tied.some(lacks)) {
      this.violated(
        "progress",
        `model ${tied[0]!.index} stands first with rank ${first} and waits, but nothing is lacking`
      )
    }
  }

  private sizeOf(pool: string, models: ReadonlyArray<ModelPlan>): number {
    const { amounts } = this.plan
    const [name, device] = pool.split("@") as [string, string]
    if (amounts.length === 0) {
      return Math.max(0, ...models.flatMap(({ instances }) => instances.map((one) => needsOf(one).get(pool) ?? 0)))
    }
    const least = (wanted: number | undefined) => {
      const counts = amounts.filter((one) => one.name === name && one.device === wanted).map(({ count }) => count)
      return counts.length === 0 ? 0 : Math.min(...counts)
    }
    return device === "all"
      ? Math.max(...[undefined, 0, 1].map(least))
      : Math.max(least(undefined), least(Number(device)))
  }
}
