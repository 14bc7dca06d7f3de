/**
 * Knows every model and version, loads and unloads them, and lends the ready ones to requests.
 *
 * Upstream: `InferenceServer`. Downstream: `Scheduler` and `Executor`, which it opens for each version.
 */
import { Context, type Effect, type Result } from "effect"
import type {
  ControlNotAllowed,
  InvalidRequest,
  LoadFailed,
  ModelNotFound,
  ModelNotReady,
  PollFailed,
  Unsupported
} from "../schema/Errors.ts"
import type { InferenceRequest } from "../schema/Inference.ts"
import type { ModelConfig } from "../schema/ModelConfig.ts"
import type { ModelSignature } from "../schema/ModelSignature.ts"
import type { ModelScheduler } from "./Scheduler.ts"
import type { ModelStatistics } from "./Statistics.ts"

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
  /** Which version takes a request that named none, where they are divided among several; `undefined`: this one. Plain and fast. */
  readonly route?: (request: InferenceRequest) => Model
}

/** One row of the repository index; `version` and `state` are absent for a model that was never loaded. @category models */
export interface IndexEntry {
  readonly name: string
  readonly version?: string
  readonly state?: VersionState
  readonly reason?: string
}

/** Progress of loading, for terminals and logs. @category models */
export type LoadEvent =
  | { readonly _tag: "Found"; readonly models: ReadonlyArray<string> }
  | { readonly _tag: "Loading"; readonly model: string; readonly version: number }
  | { readonly _tag: "Ready"; readonly model: string; readonly version: number; readonly millis: number }
  | { readonly _tag: "Failed"; readonly model: string; readonly version: number | undefined; readonly reason: string }
  | { readonly _tag: "Warning"; readonly model: string | undefined; readonly message: string }

/** @category services */
export class ModelRepository extends Context.Service<ModelRepository, {
  /** Why a root could not be listed at start-up, where that does not end the server: then it is not live. */
  readonly failure?: PollFailed | undefined
  /**
   * The ready version of a model by its number or label. For `""` the one that requests without a version go to: the greatest ready
   * one, or what the model's rollout says. Called once per request: a plain function.
   */
  readonly lookup: (
    name: string,
    version: string
  ) => Result.Result<Model, ModelNotFound | ModelNotReady | InvalidRequest>
  /** Ready versions of a model, ascending. */
  readonly readyVersions: (name: string) => ReadonlyArray<number>
  /** Sorted by name, then version. */
  readonly index: Effect.Effect<ReadonlyArray<IndexEntry>>
  /** No known model is without versions, and every version is READY and healthy, or was unloaded. */
  readonly allReady: Effect.Effect<boolean>
  readonly load: (
    name: string,
    parameters?: { readonly config?: string; readonly files?: ReadonlyMap<string, Uint8Array> }
  ) => Effect.Effect<void, ControlNotAllowed | LoadFailed | PollFailed | InvalidRequest | Unsupported>
  readonly unload: (
    name: string,
    options?: { readonly unloadDependents?: boolean }
  ) => Effect.Effect<void, ControlNotAllowed | LoadFailed | PollFailed | InvalidRequest>
}>()("galatea/services/ModelRepository") {}
