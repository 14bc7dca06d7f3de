/**
 * Makes instances wait for resources that they share before they run.
 *
 * Upstream: `ModelRepository` takes the instances of each version through it. Downstream: `Executor`.
 *
 * Source: scheduling §6.
 */
import { Context, type Effect, type Scope } from "effect"
import type { LoadFailed } from "../schema/Errors.ts"
import type { Instances, ModelPlan } from "./Executor.ts"

/** How much there is of a resource, and how much of it is taken. @category models */
export interface ResourceLevel {
  readonly name: string
  /** The device whose pool it is; `undefined`: the one for the whole server. */
  readonly device: number | undefined
  readonly size: number
  /** Taken by instances that run, or are about to. */
  readonly granted: number
  /** Instances that stand in line and need some of it. */
  readonly waiting: number
}

/** Limits nothing unless another is provided. @category services */
export const RateLimiter = Context.Reference<{
  /**
   * Opens instances whose runs wait for the resources that the plan names.
   *
   * Errors: `LoadFailed`, before anything is opened, where an instance needs more than there can be, or a resource is global here
   * and of a device elsewhere; and those of `open`. The scope takes the version out, after its last run.
   */
  readonly limit: <R>(
    plan: ModelPlan,
    open: Effect.Effect<Instances, LoadFailed, R>
  ) => Effect.Effect<Instances, LoadFailed, R | Scope.Scope>
  /** Every resource that some version needs. */
  readonly levels: () => ReadonlyArray<ResourceLevel>
}>("galatea/services/RateLimiter", {
  defaultValue: () => ({ limit: (_plan, open) => open, levels: () => [] })
})
