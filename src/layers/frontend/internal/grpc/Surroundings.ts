/** What calls need of the listener around them. */
import type { Cause, Effect, Fiber } from "effect"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { InFlight } from "../InFlight.ts"
import type { Deadlines } from "./Deadlines.ts"

/** @internal */
export interface Surroundings {
  readonly inFlight: InFlight
  readonly memory: TensorMemory["Service"]
  readonly deadlines: Deadlines
  readonly maxMessageBytes: number
  readonly maxSendMessageBytes: number
  /** Runs an effect in a fiber that ends with the listener. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The listener takes no more calls. */
  readonly closing: () => boolean
  /** A call is over. */
  readonly left: () => void
  /** Tells the operator of a bug. */
  readonly report: (cause: Cause.Cause<unknown>) => void
}
