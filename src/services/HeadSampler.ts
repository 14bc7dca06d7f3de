/**
 * Decides whether a request is part of an exported trace, before anything is made for it.
 *
 * Upstream: whoever makes spans of requests. Downstream: the tracer, which must decide the same.
 */
import { Context } from "effect"
import type { TraceContext } from "../schema/RequestTrace.ts"

/** `parent`: the span that the request is part of. `undefined`: it begins a trace. @category models */
export type HeadSampling = (parent: TraceContext | undefined) => boolean

/** `undefined`, the default: the tracer decides, once there is a span. @category services */
export const HeadSampler: Context.Reference<HeadSampling | undefined> = Context.Reference<HeadSampling | undefined>(
  "galatea/services/HeadSampler",
  { defaultValue: () => undefined }
)
