/**
 * Knows every model and version, loads and unloads them, and lends the ready ones to requests.
 *
 * Upstream: `InferenceServer`. Downstream: `Scheduler` and `Executor`, which it opens for each version.
 */
import { Context, Effect, Result } from "effect"
import {
  type ControlNotAllowed,
  type InvalidRequest,
  type LoadFailed,
  type ModelNotFound,
  ModelNotReady,
  type PollFailed,
  type Unsupported
} from "../schema/Errors.ts"
import type { InferenceRequest, SequenceStep } from "../schema/Inference.ts"
import type { ModelConfig } from "../schema/ModelConfig.ts"
import type { ModelSignature } from "../schema/ModelSignature.ts"
import type { Tolerance } from "../schema/TensorComparison.ts"
import type { InstancesCondition } from "./Executor.ts"
import type { ModelScheduler } from "./Scheduler.ts"
import type { ModelStatistics, ShadowOutcome } from "./Statistics.ts"

/** @category models */
export type VersionState = "UNKNOWN" | "LOADING" | "READY" | "UNLOADING" | "UNAVAILABLE"

/** A loaded version that takes requests. Everything a request needs of it is computed once, at load. @category models */
export interface Model {
  readonly name: string
  readonly version: number
  /** The final config: auto-completed and normalised. */
  readonly config: ModelConfig
  readonly signature: ModelSignature
  readonly scheduler: ModelScheduler
  readonly statistics: ModelStatistics
  /** At least one of its instances is up. */
  readonly healthy: () => boolean
  /** How its instances have fared. Absent: it has none, or they cannot be lost. */
  readonly condition?: (() => InstancesCondition) | undefined
  /**
   * Looks up again what this was found as: for a request that finds that the version has stopped taking work, since another one
   * has taken its place meanwhile. Absent: it has no successor.
   */
  readonly again?: (() => Lookup) | undefined
  /**
   * Among which versions a request that named none is divided: what it is to look up instead. Absent: it goes to this one. Asked
   * once per request: plain and fast.
   */
  readonly route?: ((request: InferenceRequest) => () => Lookup) | undefined
  /**
   * The version that keeps a live sequence, which need not take new ones any more; `undefined`: none does. Asked for steps that
   * are not the first of their sequence. Absent: no version of the model keeps any.
   */
  readonly keeper?: ((id: SequenceStep["id"]) => Model | undefined) | undefined
  /** What runs a share of the requests that this answered a second time; absent: nothing. */
  readonly shadow?: Shadow | undefined
}

/**
 * Another version that runs a share of the requests a second time, without anybody waiting for it, so that its outputs can be
 * compared with those that were answered.
 *
 * @category models
 */
export interface Shadow {
  /** What runs them now; it is not waited for where it takes no requests. */
  readonly lookup: () => Lookup
  readonly tolerance: Tolerance
  /** Decides about one more request. */
  readonly chosen: () => boolean
}

/** A version that is known and loads when it is asked for. Never an answer: whoever meets it waits for `load` and asks again. @category models */
export interface NotResident {
  readonly _tag: "NotResident"
  /** A sentence for logs. */
  readonly message: string
  readonly name: string
  readonly version: number
  /** Done when it takes requests; whoever asks meanwhile waits for the same load. Interruption ends the waiting alone. */
  readonly load: Effect.Effect<void, ModelNotReady>
  /** The last load of it, if any, has succeeded. */
  readonly healthy: () => boolean
  /** `undefined` until it was loaded for the first time. */
  readonly statistics: () => ModelStatistics | undefined
}

/** What a request finds under a name and a version. @category models */
export type Lookup = Result.Result<Model, ModelNotFound | ModelNotReady | InvalidRequest | NotResident>

/** How often what was loaded may have left again before anybody asked. */
const maxAttempts = 16

/**
 * What `ask` finds, after the versions that it meets were loaded.
 *
 * @category combinators
 */
export const whenResident = <A, E extends { readonly _tag: string }>(
  ask: () => Result.Result<A, E | NotResident>,
  attempts: number = maxAttempts
): Effect.Effect<A, E | ModelNotReady> =>
  Effect.suspend(() => {
    const found = ask()
    if (Result.isSuccess(found)) return Effect.succeed(found.success)
    const { failure } = found
    if (!isNotResident(failure)) return Effect.fail(failure)
    return attempts === 0
      ? Effect.fail(new ModelNotReady({ message: failure.message }))
      : Effect.andThen(failure.load, whenResident(ask, attempts - 1))
  })

/** Whether what was found takes requests; what loads when it is asked for is ready to be asked. @category getters */
export const isHealthy = (found: Lookup): Result.Result<boolean, ModelNotFound | ModelNotReady | InvalidRequest> => {
  if (Result.isSuccess(found)) return Result.succeed(found.success.healthy())
  const { failure } = found
  return isNotResident(failure) ? Result.succeed(failure.healthy()) : Result.fail(failure)
}

/** @category guards */
export const isNotResident = <E extends { readonly _tag: string }>(failure: E | NotResident): failure is NotResident =>
  failure._tag === "NotResident"

/** What a label, or another target of a rollout, stands for at this moment. @category models */
export interface RolloutTarget {
  readonly name: string
  /** `undefined` where it is a place among the ready versions, and none has it. */
  readonly version: number | undefined
  readonly ready: boolean
}

/** How the versions of a model are rolled out at this moment. @category models */
export interface RolloutStatus {
  readonly labels: ReadonlyArray<RolloutTarget>
  /** Where requests go that name no version; empty: all to the greatest ready one. */
  readonly traffic: ReadonlyArray<
    RolloutTarget & {
      readonly weight: number
      /** The part of the requests that it gets now, from 0 to 1. */
      readonly share: number
    }
  >
  /** Request parameter whose value decides for a target. */
  readonly sticky: string | undefined
  readonly shadow:
    | RolloutTarget & {
      readonly share: number
      readonly tolerance: Tolerance
      /** Since the version was loaded. */
      readonly requests: Readonly<Record<ShadowOutcome, number>>
    }
    | undefined
}

/** One row of the repository index; `version` and `state` are absent for a model that was never loaded. @category models */
export interface IndexEntry {
  readonly name: string
  readonly version?: string
  readonly state?: VersionState
  readonly reason?: string
}

/** What a load brings. @category models */
export interface LoadParameters {
  /** JSON of a `ModelConfig` that takes the place of the model's config. It stays until that changes on disk, or an unload. */
  readonly config?: string
  /** Files by their path in the model's folder; they take the place of the whole folder, and need `config`. Borrowed. */
  readonly files?: ReadonlyMap<string, Uint8Array>
  /** This version alone, whether or not the version policy serves it; the others stay as they are. Decimal. */
  readonly version?: string | number
}

/** What an unload may say. @category models */
export interface UnloadOptions {
  /** Unload the models of an ensemble as well, where nothing else uses them. */
  readonly unloadDependents?: boolean
  /** This version alone. Decimal. */
  readonly version?: string | number
}

/** Progress of loading and unloading, for terminals and logs. @category models */
export type LoadEvent =
  | { readonly _tag: "Found"; readonly models: ReadonlyArray<string> }
  | { readonly _tag: "Loading"; readonly model: string; readonly version: number }
  | { readonly _tag: "Ready"; readonly model: string; readonly version: number; readonly millis: number }
  | { readonly _tag: "Failed"; readonly model: string; readonly version: number | undefined; readonly reason: string }
  /** A version left the look-up and finishes the work that it accepted; not for one that was replaced. */
  | { readonly _tag: "Unloading"; readonly model: string; readonly version: number }
  | { readonly _tag: "Unloaded"; readonly model: string; readonly version: number }
  | { readonly _tag: "Warning"; readonly model: string | undefined; readonly message: string }

/** Versions that load when they are asked for, and the room that they share. @category models */
export interface ResidencyFigures {
  /** 0: no bound. */
  readonly budgetBytes: number
  readonly accountedBytes: number
  readonly known: number
  readonly resident: number
  /** Requests that wait for a load. */
  readonly waiting: number
  readonly loads: number
  readonly failures: number
  /** Who left for others that needed the room, and who because nobody asked for it. */
  readonly evictions: Readonly<Record<"budget" | "idle", number>>
}

/** @category services */
export class ModelRepository extends Context.Service<ModelRepository, {
  /** Why a root could not be listed at start-up, where that does not end the server: then it is not live. */
  readonly failure?: PollFailed | undefined
  /**
   * The ready version of a model by its number or label. For `""` the one that requests without a version go to: the greatest ready
   * one, or what the model's rollout says. Called once per request: a plain function.
   */
  readonly lookup: (name: string, version: string) => Lookup
  /** `undefined` where every model is loaded as soon as it is known. */
  readonly residency?: (() => ResidencyFigures) | undefined
  /** Ready versions of a model, ascending. */
  readonly readyVersions: (name: string) => ReadonlyArray<number>
  /** `undefined` for a model that is not known. Absent: nothing is rolled out here. */
  readonly rollout?: (name: string) => RolloutStatus | undefined
  /** Sorted by name, then version. */
  readonly index: Effect.Effect<ReadonlyArray<IndexEntry>>
  /** No known model is without versions, and every version is READY and healthy, or was unloaded. */
  readonly allReady: Effect.Effect<boolean>
  /** Loads what the repository holds of a model now; nothing happens where that is what serves. Returns when it serves. */
  readonly load: (
    name: string,
    parameters?: LoadParameters
  ) => Effect.Effect<void, ControlNotAllowed | LoadFailed | PollFailed | InvalidRequest | Unsupported>
  /** Takes a model out of the look-up; it closes in the background. Succeeds for a model that is unknown or not loaded. */
  readonly unload: (
    name: string,
    options?: UnloadOptions
  ) => Effect.Effect<void, ControlNotAllowed | LoadFailed | PollFailed | InvalidRequest>
}>()("galatea/services/ModelRepository") {}
