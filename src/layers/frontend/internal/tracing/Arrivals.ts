/** Asks, when a request arrives, whether anybody wants to know what happens to it. */
import { Clock, Effect } from "effect"
import { type Arrival, Tracing, type TracingState } from "../../../../services/Tracing.ts"
import { Traced } from "./Traced.ts"

/** @internal */
export class Arrivals {
  readonly clock: Clock.Clock
  private readonly tracing: TracingState

  constructor(tracing: TracingState, clock: Clock.Clock) {
    this.tracing = tracing
    this.clock = clock
  }

  /** Somebody may want to know of a request that comes now. */
  active(): boolean {
    return this.tracing.active()
  }

  /** Nanoseconds now, where somebody may want to know of a request that comes now; `undefined`: nobody does. */
  moment(): number | undefined {
    return this.tracing.active() ? Number(this.clock.monotonicTimeNanosUnsafe()) : undefined
  }

  /** `undefined`: nobody wants to know of this one. */
  begin(arrival: Arrival): Traced | undefined {
    const trace = this.tracing.begin(arrival)
    return trace === undefined ? undefined : new Traced(trace)
  }
}

/** With what the context traces, and its clock. @internal */
export const make: Effect.Effect<Arrivals> = Effect.gen(function*() {
  return new Arrivals(yield* Tracing, yield* Clock.Clock)
})
