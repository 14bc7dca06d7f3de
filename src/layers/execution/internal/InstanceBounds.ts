/** What instances of a model may take before they are replaced, and where each bound comes from. */
import { Duration } from "effect"
import * as InstanceParameters from "../../../schema/InstanceParameters.ts"
import type { Isolation, ModelPlan } from "../../../services/Executor.ts"

/** @category models */
export interface Bound {
  readonly limit: number
  /** The option or the parameter that says so. */
  readonly setBy: string
  /** It comes from an option of which the server has said at its start that it is for models in processes only. */
  readonly isExplained?: boolean
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
  /** Where instances run unless a plan says otherwise. Default: in threads. */
  readonly isolation?: Isolation | undefined
}

const memoryOption = "--instance-max-memory-megabytes"
const growthOption = "--instance-max-growth-megabytes"

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
  const ofProcess = (own: number | undefined, parameter: string, general: number | undefined, option: string) => {
    const found = bound(own, parameter, general, option)
    return found === undefined || own !== undefined
      ? found
      : { ...found, isExplained: defaults.isolation !== "process" }
  }
  return {
    run: bound(plan.maxRunNanos, names.maxRun, stallNanos, "--instance-stall-timeout-secs"),
    memory: ofProcess(plan.maxMemoryBytes, names.maxMemory, defaults.maxMemoryBytes, memoryOption),
    growth: ofProcess(plan.maxGrowthBytes, names.maxGrowth, defaults.maxGrowthBytes, growthOption)
  }
}

/** What there is to say at the start of bounds that hold for fewer models than one may think: a sentence for each. @category getters */
export const explanations = (
  { isolation = "thread", maxGrowthBytes = Infinity, maxMemoryBytes = Infinity }: Omit<Defaults, "stallTimeout">
): ReadonlyArray<string> =>
  isolation === "process" ? [] : [
    ...(maxMemoryBytes === Infinity ? [] : [memoryOption]),
    ...(maxGrowthBytes === Infinity ? [] : [growthOption])
  ].map((option) =>
    `${option} has an effect on models in processes only, and models of this server run elsewhere (--model-isolation=` +
    `${isolation}) unless they have the parameter ${names.isolation} 'process'`
  )

/** What there is to say of bounds of a model none of whose instances has a process of its own: a sentence for each. @category getters */
export const withoutEffect = (
  model: string,
  { growth, memory }: Pick<InstanceBounds, "memory" | "growth">
): ReadonlyArray<string> =>
  [memory, growth].flatMap((bound) =>
    bound === undefined || bound.isExplained === true
      ? []
      : [
        `${bound.setBy} has no effect on model '${model}': it is for models in processes only, and its instances have none of ` +
        `their own (parameter ${names.isolation} 'process', or --model-isolation=process)`
      ]
  )

/** Megabytes with one decimal, for messages. @category getters */
export const megabytes = (bytes: number): string => `${(bytes / (1024 * 1024)).toFixed(1)} MB`
