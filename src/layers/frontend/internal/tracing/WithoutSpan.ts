/** What runs as long as the server is part of no span: neither of that in which the server was started, nor of any other. */
import { Context, Effect, Tracer } from "effect"

/** Runs an effect as part of no span. @internal */
export const withoutSpan = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(
    effect,
    (context: Context.Context<R>) => Context.omit(Tracer.ParentSpan)(context) as Context.Context<R>
  )
