/** A traced request in the hands of its front end, which gathers how it ends and tells it once. */
import type { FrontendActivity, RequestTrace, TraceFailure } from "../../../../schema/RequestTrace.ts"

/** @internal */
export class Traced {
  readonly trace: RequestTrace
  private status: number | undefined = undefined
  private failure: TraceFailure | undefined = undefined
  private over = false

  constructor(trace: RequestTrace) {
    this.trace = trace
  }

  /** Notes a moment; left out: now. */
  mark(activity: FrontendActivity, atNanos?: number): void {
    if (!this.over) this.trace.mark(activity, atNanos)
  }

  /** Notes the API key that it came with, by its id; `undefined`: none was wanted. */
  client(key: string | undefined): void {
    if (!this.over && key !== undefined) this.trace.client?.(key)
  }

  /** An answer with a status of the protocol was chosen. */
  answered(status: number): void {
    this.status = status
  }

  /** Something went wrong: what went wrong first is told. */
  failed(failure: TraceFailure): void {
    this.failure ??= failure
  }

  /** The answer has left, or nobody waits for one: nothing more is noted. */
  ended(): void {
    if (this.over) return
    this.over = true
    const { failure, status } = this
    this.trace.ended({
      ...(status === undefined ? {} : { status }),
      ...(failure === undefined ? {} : { failure })
    })
  }
}
