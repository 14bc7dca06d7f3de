/** The span of a client, as the tracer of this process takes it for a parent. */
import { Effect, Tracer } from "effect"
import type { TraceContext } from "../../../schema/RequestTrace.ts"

/** @category models */
export type RemoteSpan = (context: TraceContext) => Tracer.AnySpan

const plain: RemoteSpan = ({ sampled, spanId, traceId }) => Tracer.externalSpan({ traceId, spanId, sampled })

/**
 * Spans of clients with their `tracestate`. Only OpenTelemetry's tracer keeps one, which is there where `@effect/opentelemetry` is:
 * elsewhere nobody would read it.
 *
 * @category constructors
 */
export const make: Effect.Effect<RemoteSpan> = Effect.tryPromise(() => import("@effect/opentelemetry/OtelTracer")).pipe(
  Effect.map(({ makeExternalSpan }): RemoteSpan => ({ sampled, spanId, traceId, traceState }) =>
    makeExternalSpan({ traceId, spanId, traceFlags: sampled ? 1 : 0, traceState })
  ),
  Effect.orElseSucceed(() => plain)
)
