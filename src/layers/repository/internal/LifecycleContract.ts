/** What the lifecycle of models does for those who load, unload and look up. */
import type { Effect } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Rollout } from "../../../schema/Rollout.ts"
import type { LoadEvent, Lookup, Model, RolloutStatus } from "../../../services/ModelRepository.ts"
import type * as Leaving from "./Leaving.ts"
import type { OnDemand } from "./LifecycleState.ts"
import type { VersionStatus } from "./LifecycleTable.ts"
import type { Others, VersionPlan } from "./VersionPlan.ts"

/** @category models */
export interface Options {
  /** Versions that load at once, over all models. */
  readonly loadThreadCount: number
  /** Further attempts at a version that fails to load. */
  readonly loadRetryCount: number
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
}

/** @category models */
export interface Lifecycle {
  /** Plain and O(1) for a ready version. */
  readonly lookup: (name: string, version: string) => Lookup
  readonly readyVersions: (name: string) => ReadonlyArray<number>
  /** `undefined` for a name that is not known. */
  readonly rollout: (name: string) => RolloutStatus | undefined
  /** Versions by model id, ascending; no key for a model that was never loaded. */
  readonly states: () => ReadonlyMap<string, ReadonlyArray<VersionStatus>>
  /** All that were loaded or registered. */
  readonly models: () => ReadonlyArray<{ readonly id: string; readonly name: string }>
  readonly allReady: () => boolean
  /** Makes a model known that has no versions: readiness waits for it. */
  readonly register: (model: { readonly id: string; readonly name: string }) => void
  /** Identities of the ready versions of a model. */
  readonly identities: (id: string) => ReadonlyMap<number, string>
  /**
   * Loads these versions and, once all are up, unloads the ready ones that are not among them, but for those to `keep`. The
   * rollout changes in the same step; without one, whoever names no version gets the greatest ready one. Where a version
   * fails, the ready ones go on, and the reason stands beside their state.
   */
  readonly load: (
    model: { readonly id: string; readonly name: string },
    versions: ReadonlyArray<VersionPlan>,
    rollout?: Rollout,
    others?: Others
  ) => Effect.Effect<void, LoadFailed>
  /**
   * Takes every version, or one, out of the look-up and returns; they close in the background after their accepted work. Their
   * sequences end with it, also those that a load before has left to go on. `reason` stays beside their state; without one they
   * were unloaded on purpose.
   */
  readonly unload: (id: string, version?: number, reason?: string) => Effect.Effect<void>
  /** Tells why versions do not load, without a try; the ready ones go on. */
  readonly refuse: (
    model: { readonly id: string; readonly name: string },
    versions: ReadonlyArray<number>,
    reason: string
  ) => Effect.Effect<void>
  /** As `lookup`, by the id of a model. */
  readonly find: (id: string, version: string) => Lookup
  /** Ids of the models of a name. */
  readonly named: (name: string) => ReadonlyArray<string>
  /** Serial numbers of the loads that the ready versions of a model come from. */
  readonly serials: (id: string) => ReadonlyMap<number, number>
  /** What requests find of a version. */
  readonly serving: (id: string, version: number) => Model | OnDemand | undefined
  /** Says who is asked before versions leave. The last call counts. */
  readonly watch: (watcher: Leaving.Watcher) => void
  /** Drops an unloaded model from the table as soon as its last version has closed. */
  readonly forget: (id: string) => void
}
