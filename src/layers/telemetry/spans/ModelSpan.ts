/** A request in the hands of a model: the queue that it waits in, and for a step of an ensemble a span of its own. */
import type { Tracer } from "effect"
import type {
  BatchRun,
  CacheOutcome,
  ModelTrace,
  TraceContext,
  TraceFailure,
  TraceParent
} from "../../../schema/RequestTrace.ts"
import { attribute, event, span as spanNames } from "../../../schema/SpanNames.ts"
import type { Distance } from "../internal/WallTime.ts"
import { BatchSpan } from "./BatchSpan.ts"
import { isOwn } from "./OwnSpan.ts"
import * as Recorder from "./Recorder.ts"
import * as SpanValues from "./SpanValues.ts"

/** What a model is told of a request. @category models */
export type Asked = Parameters<TraceParent["model"]>[0]

/** @category models */
export class ModelSpan implements ModelTrace {
  readonly context: TraceContext | undefined
  readonly wantsTensors = false
  /** The request's, or that of the step. */
  readonly span: Tracer.Span
  private readonly recorder: Recorder.Recorder
  private readonly distance: Distance
  private readonly isStep: boolean
  /** Monotonic nanoseconds; `undefined`: not in a queue, or not any more. */
  private queuedAt: number | undefined = undefined

  private constructor(
    recorder: Recorder.Recorder,
    distance: Distance,
    span: Tracer.Span,
    context: TraceContext | undefined,
    isStep: boolean
  ) {
    this.recorder = recorder
    this.distance = distance
    this.span = span
    this.context = context
    this.isStep = isStep
  }

  /** A model has the request itself. */
  static ofRequest(
    recorder: Recorder.Recorder,
    distance: Distance,
    span: Tracer.Span,
    context: TraceContext | undefined,
    asked: Asked
  ): ModelSpan {
    tell(recorder, span, asked)
    return new ModelSpan(recorder, distance, span, context, false)
  }

  model(asked: Asked): ModelTrace {
    // What it waits for is its steps.
    this.queuedAt = undefined
    const { distance, recorder } = this
    const span = recorder.begin({
      name: spanNames.step,
      kind: "internal",
      parent: this.span,
      atNanos: recorder.time.now(),
      distance,
      links: []
    })
    span.attribute(attribute.model, asked.model)
    tell(recorder, span, asked)
    return new ModelSpan(recorder, distance, span, contextOf(span, this.context?.traceState), true)
  }

  queued(atNanos: number): void {
    this.queuedAt = atNanos
  }

  ran(run: BatchRun): void {
    this.span.attribute(attribute.batchRows, run.rows)
    BatchSpan.join(this.recorder, run, this)
  }

  /** It has left the queue, for an execution that this is the link to. */
  hasRun(begunAtNanos: number, link: Tracer.SpanLink | undefined): void {
    if (link !== undefined) this.span.addLinks([link])
    this.leaveQueue(begunAtNanos, link === undefined ? [] : [link], undefined)
  }

  retried(failure: TraceFailure, atNanos: number): void {
    this.span.event(event.retried, this.distance.time(atNanos), {
      [attribute.failureType]: failure.type,
      [attribute.failureMessage]: SpanValues.bounded(failure.message, this.recorder.maxLength)
    })
  }

  cached(outcome: CacheOutcome, lookupNanos: number): void {
    this.span.attribute(attribute.cache, outcome)
    this.span.attribute(attribute.cacheLookup, Math.round(lookupNanos))
  }

  tensors(): void {}

  leftOut({ index, model }: { readonly model: string; readonly index: number }): void {
    this.span.event(event.leftOut, this.distance.time(this.recorder.time.now()), {
      [attribute.model]: model,
      [attribute.step]: index
    })
  }

  ended(failure?: TraceFailure): void {
    const { isStep, queuedAt, recorder, span } = this
    if (!isStep && queuedAt === undefined) return
    const at = recorder.time.now()
    this.leaveQueue(at, [], failure)
    if (!isStep) return
    const fault = failure !== undefined && SpanValues.isFault(failure)
    if (failure !== undefined) SpanValues.tellFailure(span, failure, fault, recorder.maxLength)
    Recorder.end(span, at, this.distance, SpanValues.exitOf(failure, fault, recorder.maxLength))
  }

  private leaveQueue(atNanos: number, links: Array<Tracer.SpanLink>, failure: TraceFailure | undefined): void {
    const { distance, queuedAt, recorder } = this
    if (queuedAt === undefined) return
    this.queuedAt = undefined
    const queue = recorder.begin({
      name: spanNames.queue,
      kind: "internal",
      parent: this.span,
      atNanos: queuedAt,
      distance,
      links
    })
    const fault = failure !== undefined && SpanValues.isFault(failure)
    Recorder.end(
      queue,
      Math.max(queuedAt, atNanos),
      distance,
      SpanValues.exitOf(failure, fault, recorder.maxLength)
    )
  }
}

/** How others refer to a span. @category getters */
export const contextOf = (span: Tracer.Span, traceState: string | undefined): TraceContext => {
  if (isOwn(span)) return span.contextWith(traceState)
  const { sampled, spanId, traceId } = span
  return { traceId, spanId, sampled, traceState }
}

const tell = (
  { maxLength }: Recorder.Recorder,
  span: Tracer.Span,
  { requestId, sequenceId, version }: Asked
): void => {
  span.attribute(attribute.version, version)
  if (requestId !== "") span.attribute(attribute.requestId, SpanValues.bounded(requestId, maxLength))
  if (sequenceId !== undefined) {
    span.attribute(attribute.sequenceId, SpanValues.bounded(String(sequenceId), maxLength))
  }
}
