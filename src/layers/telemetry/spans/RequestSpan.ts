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
import type { Distance } from "../internal/WallTime.ts"
import { type Asked, ModelSpan } from "./ModelSpan.ts"
import * as Recorder from "./Recorder.ts"
import * as SpanValues from "./SpanValues.ts"

/** @category models */
export class RequestSpan implements RequestTrace {
  readonly context: TraceContext
  private readonly recorder: Recorder.Recorder
  private readonly span: Tracer.Span
  private readonly distance: Distance
  private readonly protocol: Protocol

  constructor(
    recorder: Recorder.Recorder,
    span: Tracer.Span,
    context: TraceContext,
    distance: Distance,
    protocol: Protocol
  ) {
    this.recorder = recorder
    this.span = span
    this.context = context
    this.distance = distance
    this.protocol = protocol
  }

  model(asked: Asked): ModelTrace {
    return ModelSpan.ofRequest(this.recorder, this.distance, this.span, this.context, asked)
  }

  mark(activity: FrontendActivity, atNanos: number = this.recorder.time.now()): void {
    Recorder.mark(this.span, activity, atNanos, this.distance)
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
    Recorder.end(span, time.now(), this.distance, SpanValues.exitOf(failure, fault, maxLength))
  }
}
