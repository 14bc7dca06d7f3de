/** An ensemble that is to be served, and the models that it names. */
import type { Effect } from "effect"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { ModelSignature } from "../../../../schema/ModelSignature.ts"
import type { Rollout } from "../../../../schema/Rollout.ts"

/** What an ensemble is made of, and which of its versions are to be served. @category models */
export interface Ensemble {
  readonly id: string
  readonly name: string
  /** The root that it lies in, where names may occur in several: models of this root come first. */
  readonly home: string | undefined
  readonly config: ModelConfig
  /** Without the labels of its steps. */
  readonly signature: ModelSignature
  /** Of outputs that have a label file of their own. */
  readonly labels: ReadonlyMap<string, ReadonlyArray<string>>
  readonly versions: ReadonlyArray<number>
  /** What a version is loaded from, the steps apart. */
  readonly identity: (version: number) => string
  readonly exists: (version: number) => boolean
  readonly rollout: Rollout | undefined
  /** Runs in one step with its taking effect. */
  readonly committed: Effect.Effect<void>
  /** Called when it cannot be served. */
  readonly failed: () => void
}

/** A model that an ensemble consists of. @category models */
export interface Step {
  readonly index: number
  readonly name: string
  /** As a request would ask for it: `""` for the one that requests without a version go to. */
  readonly version: string
  /** The root that the config names; `""`: none. */
  readonly namespace: string
}

/** The models that the steps of an ensemble name, in order. @category getters */
export const stepsOf = ({ ensemble_scheduling: ensemble }: ModelConfig): ReadonlyArray<Step> =>
  (ensemble?.step ?? []).map(({ model_name: name, model_namespace: namespace, model_version: version }, index) => ({
    index,
    name,
    version: version === -1 ? "" : String(version),
    namespace
  }))
