/** What a schedule of an ensemble does, as plain values that fast-check generates and makes smaller. */
import * as fc from "fast-check"

/** Which tensor something reads: taken among those that are there by then. */
type Pick = number

export interface StepPlan {
  readonly reads: ReadonlyArray<Pick>
  /** Its model can do without these inputs, by their place in `reads`. */
  readonly optional: ReadonlyArray<boolean>
  readonly writes: number
  /** It writes a BOOL tensor as well. */
  readonly decides: boolean
  /** The BOOL tensor that says whether it runs; `undefined`: it does. */
  readonly condition: Pick | undefined
  readonly negated: boolean
  /** Its first input is divided. */
  readonly divides: boolean
}

export interface RequestPlan {
  readonly mark: number
  readonly flag: boolean
  /** Outputs asked for; none: all. */
  readonly outputs: ReadonlyArray<Pick>
}

/** What becomes of a request to a step. */
export interface AskPlan {
  readonly fails: boolean
  /** Before its submission returns. */
  readonly atOnce: boolean
  /** Its interruption waits for it. */
  readonly stubborn: boolean
}

export type Action =
  | { readonly kind: "submit" | "finish" | "cancel" | "release"; readonly pick: Pick }
  | { readonly kind: "close" }

export interface DagPlan {
  readonly inputs: number
  readonly steps: ReadonlyArray<StepPlan>
  /** Of each tensor whether it is an output of the ensemble; one at least is. */
  readonly outputs: ReadonlyArray<boolean>
  /** 0: no limit. */
  readonly maxInflight: number
  readonly requests: ReadonlyArray<RequestPlan>
  /** One after another, over and over. */
  readonly asks: ReadonlyArray<AskPlan>
  readonly actions: ReadonlyArray<Action>
}

const pick = fc.nat({ max: 19 })

const step: fc.Arbitrary<StepPlan> = fc.record({
  reads: fc.uniqueArray(pick, { minLength: 1, maxLength: 3 }),
  optional: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  writes: fc.integer({ min: 1, max: 2 }),
  decides: fc.boolean(),
  condition: fc.option(pick, { nil: undefined, freq: 2 }),
  negated: fc.boolean(),
  divides: fc.boolean()
})

const request: fc.Arbitrary<RequestPlan> = fc.record({
  mark: fc.nat({ max: 1000 }),
  flag: fc.boolean(),
  outputs: fc.array(pick, { maxLength: 3 })
})

const rarely = fc.integer({ min: 0, max: 11 }).map((value) => value === 11)

const ask: fc.Arbitrary<AskPlan> = fc.record({ fails: rarely, atOnce: rarely, stubborn: rarely })

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant("finish" as const), pick }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("submit" as const), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("release" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), pick }) },
  { weight: 1, arbitrary: fc.constant({ kind: "close" as const }) }
)

export const arbitrary: fc.Arbitrary<DagPlan> = fc.record({
  inputs: fc.integer({ min: 1, max: 2 }),
  steps: fc.array(step, { minLength: 1, maxLength: 7 }),
  outputs: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
  maxInflight: fc.constantFrom(0, 0, 1, 2),
  requests: fc.array(request, { minLength: 1, maxLength: 4 }),
  asks: fc.array(ask, { minLength: 1, maxLength: 16 }),
  actions: fc.array(action, { minLength: 1, maxLength: 40 })
})
