/** A span of this server's own exporter, which takes more at once than Effect's tracers do. */
import type { Tracer } from "effect"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import type { ArrivalFacts } from "../../../services/Tracing.ts"

/** Attributes by name, in their order. @category models */
export type Facts = ArrivalFacts["attributes"]

/** @category models */
export interface OwnSpan extends Tracer.Span {
  /**
   * Takes attributes that other spans have as well: the same list again costs next to nothing. `maxLength`: characters of a text, as
   * whoever tells the list first says it.
   */
  readonly tellFacts: (facts: Facts, maxLength: number) => void
  /** How others refer to it, with this `tracestate`. */
  readonly contextWith: (traceState: string | undefined) => TraceContext
}

/** @category guards */
export const isOwn = (span: Tracer.Span): span is OwnSpan => "tellFacts" in span && "contextWith" in span
