/** Several models that share resources: what each of them is asked for, and when it is loaded and unloaded. */
import * as fc from "fast-check"
import type { Amount } from "../../../src/layers/scheduling/internal/rate/ResourcePools.ts"
import type { ResourceNeed } from "../../../src/services/Executor.ts"
import * as Plan from "../Plan.ts"

export interface InstancePlan {
  readonly device: number
  readonly priority: number
  readonly resources: ReadonlyArray<ResourceNeed>
}

export interface ModelPlan {
  /** Its queue, requests, runs and accidents; times count from when it is loaded. */
  readonly plan: Plan.Plan
  /** Units since the start. */
  readonly loadsAt: number
  /** One for each instance of the plan. */
  readonly instances: ReadonlyArray<InstancePlan>
  /** Runs before its queue opens. */
  readonly warmUps: number
}

export interface RatePlan {
  readonly amounts: ReadonlyArray<Amount>
  readonly models: ReadonlyArray<ModelPlan>
}

/** R and S are of devices and G is global; X is whatever it is said to be. */
const need = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom("R", "S", "G").chain((name) =>
      fc.record<ResourceNeed>({ name: fc.constant(name), global: fc.constant(name === "G"), count: fc.nat(4) })
    )
  },
  { weight: 1, arbitrary: fc.record<ResourceNeed>({ name: fc.constant("X"), global: fc.boolean(), count: fc.nat(2) }) }
)

const instance = fc.record<InstancePlan>({
  device: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  priority: fc.nat(3),
  resources: fc.array(need, { maxLength: 3 })
})

const amount = fc.record<Amount>({
  name: fc.constantFrom("R", "S", "G", "X"),
  count: fc.integer({ min: 1, max: 9 }),
  device: fc.constantFrom(undefined, undefined, 0, 1)
})

const profiles: ReadonlyArray<Plan.Profile> = [
  { kind: "direct", realLayout: false, policies: false, accidents: false },
  { kind: "direct", realLayout: false, policies: false, accidents: true },
  { kind: "dynamic", realLayout: false, policies: false, accidents: false },
  { kind: "dynamic", realLayout: false, policies: true, accidents: true }
]

const model = fc.record({
  plan: fc.oneof(...profiles.map(Plan.arbitrary)),
  /** Of three models with a batcher two let everything go at once. */
  waits: fc.nat(2).map((n) => n === 0),
  loadsAt: fc.oneof(fc.constant(0), fc.nat(100)),
  instances: fc.array(instance, { minLength: 3, maxLength: 3 }),
  warmUps: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) })
}).map(({ instances, loadsAt, plan, waits, warmUps }): ModelPlan => ({
  plan: {
    ...plan,
    maxQueueSize: Math.max(1, plan.maxQueueSize),
    late: 0,
    ...(waits ? {} : { delay: 0, preferred: [] })
  },
  loadsAt,
  instances: instances.slice(0, plan.instances),
  warmUps
}))

export const arbitrary: fc.Arbitrary<RatePlan> = fc.record<RatePlan>({
  amounts: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(amount, { maxLength: 3 }).map((some) => [
        ...["R", "S", "G"].map((name): Amount => ({ name, count: 4, device: undefined })),
        ...some
      ])
    },
    { weight: 1, arbitrary: fc.array(amount, { minLength: 1, maxLength: 5 }) }
  ),
  models: fc.array(model, { minLength: 1, maxLength: 4 })
})
