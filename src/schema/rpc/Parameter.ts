/** Parameters of requests and answers, exact on every wire. */
import { Schema, SchemaGetter } from "effect"
import type * as Inference from "../Inference.ts"

/** JSON has no integers beyond 2^53, and a text may look like one: those that are told apart by a member of their own. */
const Wire = Schema.Union([Schema.Boolean, Schema.String, Schema.Number, Schema.Struct({ int64: Schema.BigInt })])

/** A parameter; a `bigint` is `{"int64":"…"}` in JSON. @category schemas */
export const Parameter = Wire.pipe(
  Schema.decodeTo(Schema.Union([Schema.Boolean, Schema.String, Schema.Number, Schema.BigInt]), {
    decode: SchemaGetter.transform((wire): Inference.Parameter => typeof wire === "object" ? wire.int64 : wire),
    encode: SchemaGetter.transform((value) => typeof value === "bigint" ? { int64: value } : value)
  })
)

/** Parameters by name. @category schemas */
export const Parameters = Schema.Record(Schema.String, Parameter)
/** @category models */
export type Parameters = typeof Parameters.Type

/** The id of a sequence: text, or an integer, which is `{"int64":"…"}` in JSON. @category schemas */
export const SequenceId = Schema.Union([Schema.String, Schema.Struct({ int64: Schema.BigInt })]).pipe(
  Schema.decodeTo(Schema.Union([Schema.String, Schema.BigInt]), {
    decode: SchemaGetter.transform((wire): string | bigint => typeof wire === "object" ? wire.int64 : wire),
    encode: SchemaGetter.transform((value) => typeof value === "bigint" ? { int64: value } : value)
  })
)
