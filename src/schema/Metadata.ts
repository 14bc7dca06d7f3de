/** Metadata answers of KServe V2. */
import { Schema } from "effect"

/** @category schemas */
export const ServerMetadata = Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  extensions: Schema.Array(Schema.String)
})
/** @category models */
export type ServerMetadata = typeof ServerMetadata.Type

/** `shape` is the config's dims, with a leading -1 for models that batch. @category schemas */
export const TensorMetadata = Schema.Struct({
  name: Schema.String,
  datatype: Schema.String,
  shape: Schema.Array(Schema.Int)
})
/** @category models */
export type TensorMetadata = typeof TensorMetadata.Type

/** @category schemas */
export const ModelMetadata = Schema.Struct({
  name: Schema.String,
  versions: Schema.Array(Schema.String),
  platform: Schema.String,
  inputs: Schema.Array(TensorMetadata),
  outputs: Schema.Array(TensorMetadata)
})
/** @category models */
export type ModelMetadata = typeof ModelMetadata.Type
