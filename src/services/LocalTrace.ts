/** Notes requests of the program that has the server inside: they arrive by a call, and leave when it returns. */
import { Clock, Context, Effect, Exit, type Fiber, Tracer } from "effect"
import type { InferenceError } from "../schema/Errors.ts"
import type { RequestOutcome, RequestTrace } from "../schema/RequestTrace.ts"
import * as TraceFailure from "../schema/TraceFailure.ts"
import type { ArrivalFacts, TracingState } from "./Tracing.ts"

const facts: ArrivalFacts = { name: "infer", attributes: [] }
const source = { facts: () => facts }
const answered: RequestOutcome = {}

/** The span that a fiber works for. */
const spanOf = ({ cache: { span, tracerEnabled } }: Fiber.Fiber<unknown, unknown>): Tracer.AnySpan | undefined =>
  !tracerEnabled || span === undefined || Context.get(span.annotations, Tracer.DisablePropagation) ? undefined : span

/**
 * Runs one request. `use` gets what is noted of it, which begins before and ends with it; `undefined`: nothing is.
 *
 * @category tracing
 */
export const around = <A, R>(
  tracing: TracingState,
  { model, version = "" }: { readonly model: string; readonly version?: string | undefined },
  use: (trace: RequestTrace | undefined) => Effect.Effect<A, InferenceError, R>
): Effect.Effect<A, InferenceError, R> =>
  Effect.withFiber((fiber) => {
    const trace = tracing.active()
      ? tracing.begin({
        protocol: "local",
        model,
        version,
        atNanos: Number(Context.get(fiber.context, Clock.Clock).monotonicTimeNanosUnsafe()),
        context: undefined,
        parent: spanOf(fiber),
        source
      })
      : undefined
    return trace === undefined ? use(undefined) : Effect.onExit(use(trace), (exit) =>
      Effect.sync(() => {
        trace.ended(
          Exit.isSuccess(exit)
            ? answered
            : { failure: TraceFailure.ofCause(exit.cause) }
        )
      }))
  })
