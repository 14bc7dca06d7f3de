/**
 * The configuration of a model: a plain readonly record with the names of Triton's `ModelConfig`.
 *
 * Scalars, lists and maps are always present with proto3's defaults, messages and oneof members may be `undefined`, enums
 * are their names (an unknown number stays a number), 64-bit integers are `bigint` except shapes and versions.
 */
import type { DraftOf, TypeOf } from "./proto/Descriptor.ts"
import { create } from "./proto/Descriptor.ts"
import { ModelConfigMessage } from "./proto/ModelConfigFields.ts"

/** @category models */
export interface ModelConfig extends TypeOf<typeof ModelConfigMessage> {}
/** @category models */
export type ModelInput = ModelConfig["input"][number]
/** @category models */
export type ModelOutput = ModelConfig["output"][number]
/** @category models */
export type InstanceGroup = ModelConfig["instance_group"][number]
/** @category models */
export type DynamicBatching = NonNullable<ModelConfig["dynamic_batching"]>
/** @category models */
export type SequenceBatching = NonNullable<ModelConfig["sequence_batching"]>
/** @category models */
export type EnsembleScheduling = NonNullable<ModelConfig["ensemble_scheduling"]>
/** @category models */
export type QueuePolicy = NonNullable<DynamicBatching["default_queue_policy"]>
/** @category models */
export type Optimization = NonNullable<ModelConfig["optimization"]>

/** A config of which only some fields are given, at any depth. @category models */
export interface Draft extends DraftOf<typeof ModelConfigMessage> {}

/** A complete config out of some of its fields; the rest take proto3's defaults. @category constructors */
export const make = (draft: Draft): ModelConfig => create(ModelConfigMessage, draft)

/** The config of an empty file: every field at its default. @category constructors */
export const empty: ModelConfig = make({})
