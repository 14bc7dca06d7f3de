/** A span that is exported when it ends: what Effect's tracer tells of it, within bounds. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { Cause, Context, Exit, Option, type Tracer } from "effect"
import type { TraceContext } from "../../../../schema/RequestTrace.ts"
import type { Facts, OwnSpan } from "../../spans/OwnSpan.ts"
import { bounded } from "../../spans/SpanValues.ts"
import { type Distance, highOf, lowOf, nanosOf } from "../WallTime.ts"
import * as AttributeValues from "./AttributeValues.ts"
import type { SpanLimits } from "./Bounds.ts"
import type { FactBlock, FactBlocks } from "./FactBlock.ts"
import type { HeadDecision } from "./HeadDecision.ts"
import * as TraceIds from "./TraceIds.ts"

/** @category models */
export interface SpanEvent extends AttributeValues.Bounded {
  readonly name: string
  /** Nanoseconds since 1970. */
  readonly at: bigint
}

/** @category models */
export interface SpanLink extends Tracer.SpanLink, AttributeValues.Bounded {
  /** Set where it is to a span of this process and says nothing more. */
  readonly own: TraceIds.SpanContext | undefined
  readonly attributes: Readonly<Record<string, AttributeValues.Value>>
}

/** OpenTelemetry's numbers: unset, ok, error. @category models */
export type StatusCode = 0 | 1 | 2

/** What the spans of a tracer share. @category models */
export interface Recording {
  readonly limits: SpanLimits
  readonly decision: HeadDecision
  readonly blocks: FactBlocks
  /** A span is complete. */
  readonly ended: (span: RecordedSpan) => void
}

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
  /** Attributes before those in `names`. */
  facts: FactBlock | undefined = undefined
  readonly names: Array<string> = []
  readonly values: Array<AttributeValues.Value> = []
  droppedAttributes = 0
  /** Names of its events, and their moments: of each the upper half and the lower one. */
  readonly eventNames: Array<string> = []
  readonly eventTimes: Array<number> = []
  /** What the events say; `undefined`: none of them says anything. */
  eventAttributes: Array<AttributeValues.Bounded> | undefined = undefined
  droppedEvents = 0
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
    const { facts, names, values } = this
    const all = new Map<string, AttributeValues.Value>()
    if (facts !== undefined) { for (const [i, name] of facts.names.entries()) all.set(name, facts.values[i]!) }
    for (const [i, name] of names.entries()) all.set(name, values[i]!)
    return all
  }

  get events(): ReadonlyArray<SpanEvent> {
    const { eventAttributes, eventNames, eventTimes } = this
    if (eventNames.length === 0) return noEvents
    return eventNames.map((name, i) => ({
      name,
      at: nanosOf(eventTimes[2 * i]!, eventTimes[2 * i + 1]!),
      ...eventAttributes?.[i] ?? AttributeValues.nothing
    }))
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
    const { limits: { attributeCountLimit }, blocks } = this.recording
    if (this.exit !== undefined) return
    if (this.facts === undefined && this.names.length === 0 && facts.length <= attributeCountLimit) {
      this.facts = blocks.of(facts, maxLength)
      return
    }
    for (const [name, value] of facts) {
      this.attribute(name, typeof value === "string" ? bounded(value, maxLength) : value)
    }
  }

  attribute(name: string, value: unknown): void {
    if (this.exit !== undefined || name === "") return
    const { facts, names, values } = this
    const { attributeCountLimit, attributeValueLengthLimit } = this.recording.limits
    for (let i = 0; i < names.length; i++) {
      if (names[i] === name) {
        values[i] = AttributeValues.of(value, attributeValueLengthLimit)
        return
      }
    }
    let count = names.length
    if (facts !== undefined) {
      if (facts.has(name)) {
        this.unfold(facts)
        return this.attribute(name, value)
      }
      count += facts.names.length
    }
    if (count >= attributeCountLimit) {
      this.droppedAttributes++
      return
    }
    names.push(name)
    values.push(AttributeValues.of(value, attributeValueLengthLimit))
  }

  event(name: string, at: bigint, attributes?: Record<string, unknown>): void {
    this.note(name, highOf(at), lowOf(at), attributes)
  }

  mark(name: string, atNanos: number): void {
    const { distance } = this
    if (distance !== undefined) this.note(name, distance.timeHigh(atNanos), distance.timeLow(atNanos), undefined)
  }

  private note(name: string, high: number, low: number, attributes: Record<string, unknown> | undefined): void {
    if (this.exit !== undefined) return
    const { eventNames, eventTimes, recording: { limits } } = this
    if (eventNames.length >= limits.eventCountLimit) {
      this.droppedEvents++
      if (limits.eventCountLimit === 0) return
      eventNames.shift()
      eventTimes.splice(0, 2)
      this.eventAttributes?.shift()
    }
    const { attributePerEventCountLimit, attributeValueLengthLimit } = limits
    const kept = AttributeValues.bounded(attributes, attributePerEventCountLimit, attributeValueLengthLimit)
    if (kept !== AttributeValues.nothing) {
      this.eventAttributes ??= eventNames.map(() => AttributeValues.nothing)
    }
    eventNames.push(name)
    eventTimes.push(high, low)
    this.eventAttributes?.push(kept)
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
    const errors = Cause.prettyErrors(cause, { includeCauseInStack: true })
    for (const error of errors) {
      const { message, name, stack } = error
      const code = "code" in error && error.code ? String(error.code) : name
      if (code === "" && message === "") continue
      this.event("exception", at, {
        ...(code === "" ? {} : { "exception.type": code }),
        ...(message === "" ? {} : { "exception.message": message }),
        ...(stack === undefined || stack === "" ? {} : { "exception.stacktrace": stack })
      })
    }
    this.statusCode = errors.length > 0 ? 2 : 1
    this.statusMessage = errors[0]?.message ?? ""
  }

  /** What many have in common becomes this one's own, of which one is about to change. */
  private unfold(facts: FactBlock): void {
    this.facts = undefined
    this.names.unshift(...facts.names)
    this.values.unshift(...facts.values)
  }
}
