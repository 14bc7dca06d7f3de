/**
 * The bytes of a tensor on each wire of RPC: raw in the binary serialization, base64 text in JSON, and a buffer of its own that
 * moves to the other thread between workers.
 */
import { Context, Effect, Option, Schema, SchemaGetter, SchemaIssue } from "effect"
import * as Base64 from "effect/encoding/Base64"
import * as Transferable from "effect/workers/Transferable"

/** A transport between threads collects what moves; every other one writes text. */
const toJson = SchemaGetter.transformEffect<unknown, Uint8Array>((bytes) =>
  Effect.contextWith((context): Effect.Effect<unknown> => {
    const collector = Option.getOrUndefined(Context.getOption(context, Transferable.Collector))
    if (collector === undefined) return Effect.succeed(Base64.encode(bytes))
    // The tensor may lie in memory that is used again, or that its owner keeps: the copy is what moves.
    const own = new Uint8Array(bytes)
    collector.addAllUnsafe([own.buffer])
    return Effect.succeed(own)
  })
)

const fromJson = SchemaGetter.transformEffect<Uint8Array, unknown>((value, options) =>
  value instanceof Uint8Array
    ? Effect.succeed(value)
    : Effect.mapErrorEager(
      typeof value === "string" ? Effect.fromResult(Base64.decode(value)) : Effect.fail(undefined),
      () => new SchemaIssue.InvalidValue({ expected: "the bytes of a tensor as base64 text" }, value, options)
    )
)

/** @category schemas */
export const TensorBytes = Schema.Uint8Array.annotate({
  toCodecJson: () => Schema.link<Uint8Array>()(Schema.Any, { decode: fromJson, encode: toJson })
})
