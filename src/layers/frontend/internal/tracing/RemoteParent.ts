/** Makes what a client asks for a part of the span that it names: loads and unloads, whose spans the program's tracer makes. */
import { Effect, Tracer } from "effect"
import * as TraceContext from "../../../../schema/TraceContext.ts"

/** Runs an effect below the span of a header, where there is one and it is written as it must be. @internal */
export const under = <A, E>(
  effect: Effect.Effect<A, E>,
  traceparent: string | ReadonlyArray<string> | undefined
): Effect.Effect<A, E> => {
  const context = typeof traceparent === "string" ? TraceContext.parse(traceparent, undefined) : undefined
  return context === undefined
    ? effect
    : Effect.withParentSpan(effect, Tracer.externalSpan(context), { captureStackTrace: false })
}
