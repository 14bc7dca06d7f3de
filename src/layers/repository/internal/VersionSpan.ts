/** Spans of what happens to one version. */
import { Effect } from "effect"
import { attribute, span } from "../../../schema/SpanNames.ts"

const around = (name: string, model: string, version: number) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.withSpan(self, name, {
    attributes: { [attribute.model]: model, [attribute.version]: version },
    captureStackTrace: false
  })

/** A version is opened. @category tracing */
export const load = (model: string, version: number) => around(span.load, model, version)

/** A version takes no new requests, and closes. @category tracing */
export const unload = (model: string, version: number) => around(span.unload, model, version)

/** A version runs for the first time. @category tracing */
export const warmup = (model: string, version: number) => around(span.warmup, model, version)
