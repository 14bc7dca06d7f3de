/**
 * Sends on the `tracestate` that came with the trace which a call is part of. Effect's clients send `traceparent` themselves and
 * nothing of it.
 */
import { Effect, Option, Tracer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"

/** Under which spans from elsewhere keep it that @effect/opentelemetry has made; this package does not depend on it. */
const kept = "@effect/opentelemetry/Tracer/OtelTraceState"

interface TraceState {
  readonly serialize: () => string
}

const isTraceState = (value: unknown): value is TraceState =>
  typeof value === "object" && value !== null && "serialize" in value && typeof value.serialize === "function"

/** That of the nearest span around, which has it from elsewhere. @internal */
export const of = (span: Tracer.AnySpan | undefined): string | undefined => {
  for (let at = span; at !== undefined;) {
    const value: unknown = at.annotations.mapUnsafe.get(kept)
    if (isTraceState(value)) return value.serialize() || undefined
    at = at._tag === "Span" ? Option.getOrUndefined(at.parent) : undefined
  }
  return undefined
}

/** The header for what is sent now, where the program lets its traces be passed on. @internal */
export const headers: Effect.Effect<{ readonly tracestate?: string }> = Effect.withFiber((fiber) => {
  const { span, tracerEnabled } = fiber.cache
  const state = tracerEnabled && !fiber.getRef(Tracer.DisablePropagation) &&
      fiber.getRef(HttpClient.TracerPropagationEnabled)
    ? of(span)
    : undefined
  return Effect.succeed(state === undefined ? {} : { tracestate: state })
})

/** An HTTP client whose requests carry it. @internal */
export const passingOn = <E, R>(client: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E, R> =>
  HttpClient.mapRequestEffect(
    client,
    (request) =>
      Effect.map(
        headers,
        (state) => state.tracestate === undefined ? request : HttpClientRequest.setHeaders(request, { ...state })
      )
  )
