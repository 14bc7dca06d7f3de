/** A span that is exported when it ends: what Effect's tracer tells of it, within bounds. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { Cause, Context, Exit, Option, type Tracer } from "effect"
import type { TraceContext } from "../../../../schema/RequestTrace.ts"
import type { Facts, OwnSpan } from "../../spans/OwnSpan.ts"
import { bounded } from "../../spans/SpanValues.ts"
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

type SpanOptions = Parameters<Tracer.Tracer["span"]>[0]

const noEvents: ReadonlyArray<SpanEvent> = []
const noLinks: ReadonlyArray<SpanLink> = []

const stateOf = ({ annotations }: { readonly annotations: Context.Context<never> }): string | undefined =>
  Context.getOrUndefined(annotations, OtelTracer.OtelTraceState)?.serialize()

/** @category models */
export class RecordedSpan implements OwnSpan {
  readonly _tag = "Span"
  readonly sampled = true
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly annotations: Context.Context<never>
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly context: TraceIds.SpanContext
  /** The span above in the trace; `undefined`: it begins one. */
  readonly above: TraceIds.SpanContext | undefined
  readonly isAboveRemote: boolean
  /** Nanoseconds since 1970. */
  readonly startTime: bigint
  endTime: bigint
  statusCode: StatusCode = 0
  statusMessage = ""
  /** Attributes before those in `names`. */
  facts: FactBlock | undefined = undefined
  readonly names: Array<string> = []
  readonly values: Array<AttributeValues.Value> = []
  droppedAttributes = 0
  droppedEvents = 0
  droppedLinks = 0
  private noted: Array<SpanEvent> | undefined = undefined
  private linked: Array<SpanLink> | undefined = undefined
  private exit: Exit.Exit<unknown, unknown> | undefined = undefined
  private readonly recording: Recording

  /** `parent`: what counts as one, of what `options` has. */
  constructor(recording: Recording, options: SpanOptions, parent: Tracer.AnySpan | undefined) {
    const { annotations, kind, links, name, startTime } = options
    this.recording = recording
    this.name = name
    this.kind = kind
    this.annotations = annotations
    this.parent = parent === undefined ? Option.none() : options.parent
    this.startTime = startTime
    this.endTime = startTime
    if (parent instanceof RecordedSpan) {
      this.above = parent.context
      this.isAboveRemote = false
      this.context = TraceIds.SpanContext.random(parent.context.trace, parent.context.traceState)
    } else if (parent !== undefined && TraceIds.areValid(parent)) {
      this.above = TraceIds.SpanContext.parse(parent)
      this.isAboveRemote = parent._tag === "ExternalSpan"
      this.context = TraceIds.SpanContext.random(this.above.trace, stateOf(options) ?? stateOf(parent))
    } else {
      this.above = undefined
      this.isAboveRemote = false
      this.context = TraceIds.SpanContext.random(recording.decision.traceId(), undefined)
    }
    if (links.length > 0) this.addLinks(links)
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
    return this.noted ?? noEvents
  }

  get links(): ReadonlyArray<SpanLink> {
    return this.linked ?? noLinks
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
    if (this.exit !== undefined) return
    const { attributePerEventCountLimit, attributeValueLengthLimit, eventCountLimit } = this.recording.limits
    const noted = this.noted ??= []
    if (noted.length >= eventCountLimit) {
      this.droppedEvents++
      if (eventCountLimit === 0) return
      noted.shift()
    }
    const kept = AttributeValues.bounded(attributes, attributePerEventCountLimit, attributeValueLengthLimit)
    noted.push({ name, at, attributes: kept.attributes, dropped: kept.dropped })
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
      linked.push({ span, attributes: kept.attributes, dropped: kept.dropped })
    }
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.exit !== undefined) return
    this.endTime = endTime < this.startTime ? this.startTime : endTime
    if (Exit.isSuccess(exit)) this.statusCode = 1
    else if (Cause.hasInterruptsOnly(exit.cause)) this.attribute("effect.fiber.interrupted", true)
    else this.fail(exit.cause, endTime)
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
