/** The span of a request, from its arrival until its answer has left. */
import type { Tracer } from "effect"
import type {
  FrontendActivity,
  ModelTrace,
  RequestOutcome,
  RequestTrace,
  TraceContext
} from "../../../schema/RequestTrace.ts"
import type { Protocol } from "../../../services/Tracing.ts"
import { type Asked, ModelSpan } from "./ModelSpan.ts"
import { type Recorder, wallTime } from "./Recorder.ts"
import * as SpanValues from "./SpanValues.ts"

/** @category models */
export class RequestSpan implements RequestTrace {
  readonly context: TraceContext
  private readonly recorder: Recorder
  private readonly span: Tracer.Span
  private readonly offset: bigint
  private readonly protocol: Protocol

  constructor(recorder: Recorder, span: Tracer.Span, context: TraceContext, offset: bigint, protocol: Protocol) {
    this.recorder = recorder
    this.span = span
    this.context = context
    this.offset = offset
    this.protocol = protocol
  }

  model(asked: Asked): ModelTrace {
    return ModelSpan.ofRequest(this.recorder, this.offset, this.span, this.context, asked)
  }

  mark(activity: FrontendActivity, atNanos: number = this.recorder.time.now()): void {
    this.span.event(activity, wallTime(atNanos, this.offset))
  }

  ended({ failure, status }: RequestOutcome): void {
    const { protocol, recorder, span } = this
    const { maxLength, time } = recorder
    if (status !== undefined) {
      if (protocol === "http") span.attribute("http.response.status_code", status)
      else if (protocol === "grpc") span.attribute("rpc.status_code", SpanValues.grpcStatus(status))
    }
    // Of HTTP's 4xx the conventions say that they are no errors of a server.
    const fault = failure !== undefined &&
      (protocol === "http" && status !== undefined ? status >= 500 : SpanValues.isFault(failure))
    if (failure !== undefined) SpanValues.tellFailure(span, failure, fault, maxLength)
    span.end(wallTime(time.now(), this.offset), SpanValues.exitOf(failure, fault, maxLength))
  }
}
