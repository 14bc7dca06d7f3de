/** A span of this server's own exporter, which takes more at once than Effect's tracers do. */
import type { Exit, Tracer } from "effect"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import type { ArrivalFacts } from "../../../services/Tracing.ts"
import type { Distance } from "../internal/WallTime.ts"

/** Attributes by name, in their order. @category models */
export type Facts = ArrivalFacts["attributes"]

/** Moments are those of the monotonic clock, in nanoseconds, for spans that began with one. @category models */
export interface OwnSpan extends Tracer.Span {
  readonly isOwn: true
  /**
   * Takes attributes that other spans have as well: the same list again costs next to nothing. `maxLength`: characters of a text, as
   * whoever tells the list first says it.
   */
  readonly tellFacts: (facts: Facts, maxLength: number) => void
  /** An event that says nothing but its name. */
  readonly mark: (name: string, atNanos: number) => void
  readonly endAt: (atNanos: number, exit: Exit.Exit<unknown, unknown>) => void
  /** How others refer to it, with this `tracestate`. */
  readonly contextWith: (traceState: string | undefined) => TraceContext
}

/** A span that is about to begin. @category models */
export interface Beginning {
  readonly name: string
  readonly kind: Tracer.SpanKind
  /** `undefined`: it begins a trace. */
  readonly parent: Tracer.AnySpan | undefined
  /** By the monotonic clock. */
  readonly atNanos: number
  readonly distance: Distance
  readonly links: Array<Tracer.SpanLink>
}

/** What only the server's own tracer has: another one may have any name. @category symbols */
export const begin: unique symbol = Symbol.for("galatea/layers/telemetry/OwnTracer/begin")

/** @category models */
export interface OwnTracer extends Tracer.Tracer {
  /** The same as `span`, without a detour. */
  readonly [begin]: (beginning: Beginning) => Tracer.Span
}

/** @category guards */
export const isOwn = (span: Tracer.Span): span is OwnSpan => "isOwn" in span

/** @category guards */
export const isOwnTracer = (tracer: Tracer.Tracer): tracer is OwnTracer => begin in tracer
