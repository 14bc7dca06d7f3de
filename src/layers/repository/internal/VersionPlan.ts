/** What a load asks of the lifecycle: versions to open, and what becomes of the others. */
import type { Effect, Scope } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import type { OnDemand } from "./LifecycleState.ts"

/** One version to load. @category models */
export interface VersionPlan {
  readonly version: number
  /** What it is loaded from, see `Lifecycle.identities`. Default: `""`. */
  readonly identity?: string
  /** Costs next to nothing: it waits for no other load. Default: `false`. */
  readonly light?: boolean
  /** Opens the version; its scope closes it, after the work it accepted. */
  readonly open: Effect.Effect<Model | OnDemand, LoadFailed, Scope.Scope>
}

/** What becomes of the versions that a load does not name, and what else changes with it. @category models */
export interface Others {
  /** Stays as it is. Default: none. */
  readonly keep?: (version: number) => boolean
  /** May be loaded again; any other leaves the table once it has closed. Default: all. */
  readonly exists?: (version: number) => boolean
  /** Why it must not take effect after all, asked for in one step with the change. Default: nothing. */
  readonly refused?: () => LoadFailed | undefined
  /** Runs in one step with the change, whatever happens to whoever asked for it. Default: nothing. */
  readonly committed?: Effect.Effect<void>
}
