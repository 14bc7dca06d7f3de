/** The span of one execution. It has as many parents as requests: it is linked to all of them, and they to it. */
import type { Tracer } from "effect"
import type { BatchObserver, BatchRun } from "../../../schema/RequestTrace.ts"
import { attribute, span as spanNames } from "../../../schema/SpanNames.ts"
import type { ModelSpan } from "./ModelSpan.ts"
import * as Recorder from "./Recorder.ts"
import * as SpanValues from "./SpanValues.ts"

const nothing: Readonly<Record<string, unknown>> = {}

/** @category models */
export class BatchSpan implements BatchObserver {
  private readonly recorder: Recorder.Recorder
  private readonly run: BatchRun
  /** Whoever else makes something of the execution. */
  private readonly other: BatchObserver | undefined
  private readonly members: Array<ModelSpan> = []

  private constructor(recorder: Recorder.Recorder, run: BatchRun) {
    this.recorder = recorder
    this.run = run
    this.other = run.observer
  }

  /** A request was in it. */
  static join(recorder: Recorder.Recorder, run: BatchRun, member: ModelSpan): void {
    const { observer } = run
    const batch = observer instanceof BatchSpan && observer.recorder === recorder
      ? observer
      : new BatchSpan(recorder, run)
    run.observer = batch
    batch.members.push(member)
  }

  ended(): void {
    const { members, recorder, run } = this
    const links: Array<Tracer.SpanLink> = []
    for (let i = 0; i < members.length; i++) links.push({ span: members[i]!.span, attributes: nothing })
    const distance = recorder.time.distanceAt(run.endedAtNanos)
    const span = recorder.begin({
      name: spanNames.batch,
      kind: "internal",
      parent: undefined,
      atNanos: run.begunAtNanos,
      distance,
      links
    })
    if (span.sampled) this.tell(span)
    // A host's tracer may leave it out: there is nothing to point to then.
    const link = span.sampled ? { span, attributes: nothing } : undefined
    for (let i = 0; i < members.length; i++) members[i]!.hasRun(run.begunAtNanos, link)
    const { failure } = run
    const fault = failure !== undefined && SpanValues.isFault(failure)
    Recorder.end(
      span,
      Math.max(run.begunAtNanos, run.endedAtNanos),
      distance,
      SpanValues.exitOf(failure, fault, recorder.maxLength)
    )
    this.other?.ended()
  }

  private tell(span: Tracer.Span): void {
    const { recorder: { maxLength }, run } = this
    const { failure } = run
    span.attribute(attribute.model, run.model)
    span.attribute(attribute.version, run.version)
    span.attribute(attribute.instance, run.instance)
    span.attribute(attribute.batchRows, run.rows)
    span.attribute(attribute.batchRequests, run.requests)
    if (failure !== undefined) {
      return SpanValues.tellFailure(span, failure, SpanValues.isFault(failure), maxLength)
    }
    span.attribute(attribute.computeInput, Math.round(run.computeInputNanos))
    span.attribute(attribute.computeInfer, Math.round(run.computeInferNanos))
    span.attribute(attribute.computeOutput, Math.round(run.computeOutputNanos))
  }
}
