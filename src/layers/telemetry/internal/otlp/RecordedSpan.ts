/** A span that is exported when it ends: what Effect's tracer tells of it, within bounds. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { Cause, Context, Exit, Option, type Tracer } from "effect"
import type { TraceContext } from "../../../../schema/RequestTrace.ts"
import type { Facts, OwnSpan } from "../../spans/OwnSpan.ts"
import { type Distance, highOf, lowOf, nanosOf } from "../WallTime.ts"
import * as AttributeValues from "./AttributeValues.ts"
import type { Recording } from "./Recording.ts"
import { SpanAttributes } from "./SpanAttributes.ts"
import { type SpanEvent, SpanEvents } from "./SpanEvents.ts"
import * as SpanFailure from "./SpanFailure.ts"
import * as TraceIds from "./TraceIds.ts"

/** @category models */
export interface SpanLink extends Tracer.SpanLink, AttributeValues.Bounded {
  /** Set where it is to a span of this process and says nothing more. */
  readonly own: TraceIds.SpanContext | undefined
  readonly attributes: Readonly<Record<string, AttributeValues.Value>>
}

/** OpenTelemetry's numbers: unset, ok, error. @category models */
export type StatusCode = 0 | 1 | 2

const noAttributes: ReadonlyMap<string, AttributeValues.Value> = new Map()
const noEvents: ReadonlyArray<SpanEvent> = []
const noLinks: ReadonlyArray<SpanLink> = []

const stateOf = ({ annotations }: { readonly annotations: Context.Context<never> }): string | undefined =>
  Context.getOrUndefined(annotations, OtelTracer.OtelTraceState)?.serialize()

/** What a span is from its beginning on, apart from its time. @category models */
export interface Origin extends Pick<Tracer.Span, "annotations" | "kind" | "name"> {
  /** What counts as its parent. */
  readonly parent: Tracer.AnySpan | undefined
}

/** @category models */
export class RecordedSpan implements OwnSpan {
  readonly _tag = "Span"
  readonly sampled = true
  readonly isOwn = true
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly annotations: Context.Context<never>
  readonly context: TraceIds.SpanContext
  /** The span above in the trace; `undefined`: it begins one. */
  readonly above: TraceIds.SpanContext | undefined
  readonly isAboveRemote: boolean
  /** Nanoseconds since 1970, here and below in halves of 32 bits with a sign. */
  readonly startHigh: number
  readonly startLow: number
  endHigh: number
  endLow: number
  statusCode: StatusCode = 0
  statusMessage = ""
  /** Its attributes; `undefined`: it has none. */
  told: SpanAttributes | undefined = undefined
  /** Its events; `undefined`: it has none. */
  happened: SpanEvents | undefined = undefined
  droppedLinks = 0
  private linked: Array<SpanLink> | undefined = undefined
  private reference: SpanLink | undefined = undefined
  private exit: Exit.Exit<unknown, unknown> | undefined = undefined
  private readonly directParent: Tracer.AnySpan | undefined
  private readonly recording: Recording
  private readonly distance: Distance | undefined

  /** It begins at these nanoseconds since 1970. `distance`: for moments of the monotonic clock. */
  constructor(
    recording: Recording,
    { annotations, kind, name, parent }: Origin,
    startHigh: number,
    startLow: number,
    distance: Distance | undefined
  ) {
    this.recording = recording
    this.name = name
    this.kind = kind
    this.annotations = annotations
    this.directParent = parent
    this.startHigh = this.endHigh = startHigh
    this.startLow = this.endLow = startLow
    this.distance = distance
    if (parent instanceof RecordedSpan) {
      this.above = parent.context
      this.isAboveRemote = false
      this.context = TraceIds.SpanContext.random(parent.context.trace, parent.context.traceState)
    } else if (parent !== undefined && TraceIds.areValid(parent)) {
      this.above = TraceIds.SpanContext.parse(parent)
      this.isAboveRemote = parent._tag === "ExternalSpan"
      this.context = TraceIds.SpanContext.random(this.above.trace, stateOf({ annotations }) ?? stateOf(parent))
    } else {
      this.above = undefined
      this.isAboveRemote = false
      this.context = TraceIds.SpanContext.random(recording.decision.traceId(), undefined)
    }
  }

  /** A span that begins as the program says it. */
  static of(
    recording: Recording,
    { annotations, kind, links, name, startTime }: Parameters<Tracer.Tracer["span"]>[0],
    parent: Tracer.AnySpan | undefined
  ): RecordedSpan {
    const origin = { annotations, kind, name, parent }
    const span = new RecordedSpan(recording, origin, highOf(startTime), lowOf(startTime), undefined)
    if (links.length > 0) span.addLinks(links)
    return span
  }

  /** A span that begins at a moment of the monotonic clock. */
  static at(recording: Recording, origin: Origin, atNanos: number, distance: Distance): RecordedSpan {
    return new RecordedSpan(recording, origin, distance.timeHigh(atNanos), distance.timeLow(atNanos), distance)
  }

  get parent(): Option.Option<Tracer.AnySpan> {
    return Option.fromUndefinedOr(this.directParent)
  }

  get startTime(): bigint {
    return nanosOf(this.startHigh, this.startLow)
  }

  get endTime(): bigint {
    return nanosOf(this.endHigh, this.endLow)
  }

  get traceId(): string {
    return this.context.traceId
  }

  get spanId(): string {
    return this.context.spanId
  }

  get status(): Tracer.SpanStatus {
    const { endTime, exit, startTime } = this
    return exit === undefined ? { _tag: "Started", startTime } : { _tag: "Ended", startTime, endTime, exit }
  }

  get attributes(): ReadonlyMap<string, AttributeValues.Value> {
    return this.told?.all() ?? noAttributes
  }

  get droppedAttributes(): number {
    return this.told?.dropped ?? 0
  }

  get events(): ReadonlyArray<SpanEvent> {
    return this.happened?.list() ?? noEvents
  }

  get droppedEvents(): number {
    return this.happened?.dropped ?? 0
  }

  get links(): ReadonlyArray<SpanLink> {
    return this.linked ?? noLinks
  }

  /** A link to it that says nothing more. */
  get link(): SpanLink {
    return this.reference ??= { span: this, own: this.context, ...AttributeValues.nothing }
  }

  contextWith(traceState: string | undefined): TraceContext {
    const { context } = this
    return traceState === context.traceState
      ? context
      : new TraceIds.SpanContext(context.trace, context.high, context.low, traceState)
  }

  tellFacts(facts: Facts, maxLength: number): void {
    if (this.exit === undefined) this.telling().addFacts(facts, maxLength, this.recording.blocks)
  }

  attribute(name: string, value: unknown): void {
    if (this.exit === undefined && name !== "") this.telling().add(name, value)
  }

  event(name: string, at: bigint, attributes?: Record<string, unknown>): void {
    if (this.exit === undefined) this.noted().add(name, highOf(at), lowOf(at), attributes)
  }

  mark(name: string, atNanos: number): void {
    const { distance, exit } = this
    if (exit !== undefined || distance === undefined) return
    this.noted().add(name, distance.timeHigh(atNanos), distance.timeLow(atNanos), undefined)
  }

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    if (this.exit !== undefined) return
    const { attributePerLinkCountLimit, attributeValueLengthLimit, linkCountLimit } = this.recording.limits
    const linked = this.linked ??= []
    for (let i = 0; i < links.length; i++) {
      const { attributes, span } = links[i]!
      if (linked.length >= linkCountLimit) {
        this.droppedLinks++
        if (linkCountLimit === 0) continue
        linked.shift()
      }
      const kept = AttributeValues.bounded(attributes, attributePerLinkCountLimit, attributeValueLengthLimit)
      linked.push(
        span instanceof RecordedSpan && kept === AttributeValues.nothing
          ? span.link
          : { span, own: undefined, attributes: kept.attributes, dropped: kept.dropped }
      )
    }
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.finish(highOf(endTime), lowOf(endTime), exit)
  }

  endAt(atNanos: number, exit: Exit.Exit<unknown, unknown>): void {
    const { distance } = this
    if (distance !== undefined) this.finish(distance.timeHigh(atNanos), distance.timeLow(atNanos), exit)
  }

  private finish(high: number, low: number, exit: Exit.Exit<unknown, unknown>): void {
    if (this.exit !== undefined) return
    // It cannot end before it began.
    if (high > this.startHigh || (high === this.startHigh && low >>> 0 > this.startLow >>> 0)) {
      this.endHigh = high
      this.endLow = low
    }
    if (Exit.isSuccess(exit)) this.statusCode = 1
    else if (Cause.hasInterruptsOnly(exit.cause)) this.attribute("effect.fiber.interrupted", true)
    else this.fail(exit.cause, nanosOf(high, low))
    this.exit = exit
    this.recording.ended(this)
  }

  private fail(cause: Cause.Cause<unknown>, at: bigint): void {
    const { exceptions, failed, message } = SpanFailure.of(cause)
    for (const exception of exceptions) this.event("exception", at, exception)
    this.statusCode = failed ? 2 : 1
    this.statusMessage = message
  }

  private noted(): SpanEvents {
    return this.happened ??= new SpanEvents(this.recording.limits)
  }

  private telling(): SpanAttributes {
    return this.told ??= new SpanAttributes(this.recording.limits)
  }
}
