/** What instances of a model may take before they are replaced, and where each bound comes from. */
import { Duration } from "effect"
import * as InstanceParameters from "../../../schema/InstanceParameters.ts"
import type { ModelPlan } from "../../../services/Executor.ts"

/** @category models */
export interface Bound {
  readonly limit: number
  /** The option or the parameter that says so. */
  readonly setBy: string
}

/** `undefined`: no bound. @category models */
export interface InstanceBounds {
  /** Nanoseconds that one run may take. */
  readonly run: Bound | undefined
  /** Resident bytes of the process of an instance. */
  readonly memory: Bound | undefined
  /** Bytes by which such a process may grow. */
  readonly growth: Bound | undefined
}

/** @category constants */
export const none: InstanceBounds = { run: undefined, memory: undefined, growth: undefined }

/** For plans that say nothing themselves; infinite and absent ones are no bounds. @category models */
export interface Defaults {
  readonly stallTimeout: Duration.Input
  readonly maxMemoryBytes?: number | undefined
  readonly maxGrowthBytes?: number | undefined
}

const bound = (
  own: number | undefined,
  parameter: string,
  general: number | undefined,
  option: string
): Bound | undefined => {
  const limit = own ?? general ?? Infinity
  return limit === Infinity ? undefined : { limit, setBy: own === undefined ? option : `parameter ${parameter}` }
}

const { names } = InstanceParameters

/** The bounds of a plan: its own before those of all plans. @category constructors */
export const of = (
  plan: Pick<ModelPlan, "maxRunNanos" | "maxMemoryBytes" | "maxGrowthBytes">,
  defaults: Defaults
): InstanceBounds => {
  const stall = Duration.fromInputUnsafe(defaults.stallTimeout)
  const stallNanos = Duration.isFinite(stall) ? Number(Duration.toNanosUnsafe(stall)) : Infinity
  return {
    run: bound(plan.maxRunNanos, names.maxRun, stallNanos, "--instance-stall-timeout-secs"),
    memory: bound(plan.maxMemoryBytes, names.maxMemory, defaults.maxMemoryBytes, "--instance-max-memory-megabytes"),
    growth: bound(plan.maxGrowthBytes, names.maxGrowth, defaults.maxGrowthBytes, "--instance-max-growth-megabytes")
  }
}

/** Megabytes with one decimal, for messages. @category getters */
export const megabytes = (bytes: number): string => `${(bytes / (1024 * 1024)).toFixed(1)} MB`
