/** What RPC says of models beside their answers: configuration, statistics, and their rows in the repository's index. */
import { Effect, Schema, SchemaGetter, SchemaIssue } from "effect"
import type * as Config from "../ModelConfig.ts"
import * as ConfigJson from "../proto/ConfigJson.ts"

/** Which model, and which version of it. @category schemas */
export const ModelId = Schema.Struct({
  model: Schema.String,
  /** Decimal, or a label; absent or `""`: the version that requests without one go to. */
  version: Schema.optionalKey(Schema.String)
})

const isConfig = (value: unknown): value is Config.ModelConfig =>
  typeof value === "object" && value !== null && "max_batch_size" in value

/** A configuration, as one line of Triton's JSON on the wire. @category schemas */
export const ModelConfig = Schema.String.pipe(
  Schema.decodeTo(Schema.declare(isConfig), {
    decode: SchemaGetter.transformEffect((json, options) =>
      Effect.mapErrorEager(
        Effect.fromResult(ConfigJson.fromJson(json)),
        ({ detail, path }) =>
          new SchemaIssue.InvalidValue(
            { expected: `the JSON of a model configuration (${path}: ${detail})` },
            json,
            options
          )
      )
    ),
    encode: SchemaGetter.transform(ConfigJson.toJson)
  })
)

/** How often something was done, and for how many nanoseconds in all. @category schemas */
export const Phase = Schema.Struct({ count: Schema.Finite, nanos: Schema.BigInt })

/** Executions of one batch size. @category schemas */
export const BatchSize = Schema.Struct({
  batchSize: Schema.Finite,
  count: Schema.Finite,
  computeInputNanos: Schema.BigInt,
  computeInferNanos: Schema.BigInt,
  computeOutputNanos: Schema.BigInt
})

/** Everything counted for a version since it was loaded. Source: Triton's statistics extension. @category schemas */
export const ModelStatistics = Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  /** Milliseconds since 1970; 0: never. */
  lastInferenceMillis: Schema.Finite,
  inferenceCount: Schema.Finite,
  executionCount: Schema.Finite,
  success: Phase,
  fail: Phase,
  queue: Phase,
  computeInput: Phase,
  computeInfer: Phase,
  computeOutput: Phase,
  /** Requests that the response cache answered. */
  cacheHit: Phase,
  /** Requests that ran because it had no answer. */
  cacheMiss: Phase,
  /** By ascending size. */
  batches: Schema.Array(BatchSize)
})
/** @category models */
export type ModelStatistics = typeof ModelStatistics.Type

/** One row of the repository's index; `version` and `state` are absent for a model that was never loaded. @category schemas */
export const IndexEntry = Schema.Struct({
  name: Schema.String,
  version: Schema.optionalKey(Schema.String),
  state: Schema.optionalKey(Schema.Literals(["UNKNOWN", "LOADING", "READY", "UNLOADING", "UNAVAILABLE"])),
  reason: Schema.optionalKey(Schema.String)
})
