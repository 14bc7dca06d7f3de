/** A place in the order of a stream's answers: that of one request. */
import type { WireParts } from "../../../../../schema/proto/WireWriter.ts"
import type { TraceFailure } from "../../../../../schema/RequestTrace.ts"
import type { Traced } from "../../tracing/Traced.ts"

const nothing = (): void => {}

/** @internal */
export class StreamSlot {
  /** `undefined` until the request is answered. */
  answer: WireParts | undefined = undefined
  /** Gives back what the answer borrows. */
  sent: () => void = nothing
  /** Where what happens to the request is noted. */
  traced: Traced | undefined = undefined

  /** The answer was given to the connection. */
  leave(): void {
    this.traced?.mark("GRPC_SEND_END")
    this.traced?.ended()
  }

  /** Nobody waits for the answer any more. */
  drop(failure: TraceFailure): void {
    this.traced?.failed(failure)
    this.traced?.ended()
  }
}
