/** What all spans of requests are made with. */
import { Context, type Exit, Option, type Tracer } from "effect"
import type { Distance, WallTime } from "../internal/WallTime.ts"
import { begin, type Beginning, isOwn, isOwnTracer, type OwnTracer } from "./OwnSpan.ts"

const noAnnotations = Context.empty()

/** @category models */
export class Recorder {
  readonly time: WallTime
  /** Characters of a text in an attribute. */
  readonly maxLength: number
  private readonly tracer: Tracer.Tracer
  private readonly own: OwnTracer | undefined

  constructor(tracer: Tracer.Tracer, time: WallTime, maxLength: number) {
    this.tracer = tracer
    this.own = isOwnTracer(tracer) ? tracer : undefined
    this.time = time
    this.maxLength = maxLength
  }

  /** Begins a span. One without a parent begins a trace, whatever the calling program is doing. */
  begin(beginning: Beginning): Tracer.Span {
    if (this.own !== undefined) return this.own[begin](beginning)
    const { atNanos, distance, kind, links, name, parent } = beginning
    return this.tracer.span({
      name,
      parent: parent === undefined ? Option.none() : Option.some(parent),
      annotations: noAnnotations,
      links,
      startTime: distance.time(atNanos),
      kind,
      root: parent === undefined,
      sampled: parent === undefined || parent.sampled
    })
  }
}

/** An event that says nothing but its name, at a moment of the monotonic clock. @category recording */
export const mark = (span: Tracer.Span, name: string, atNanos: number, distance: Distance): void => {
  if (isOwn(span)) span.mark(name, atNanos)
  else span.event(name, distance.time(atNanos))
}

/** Ends a span at a moment of the monotonic clock. @category recording */
export const end = (span: Tracer.Span, atNanos: number, distance: Distance, exit: Exit.Exit<void, object>): void => {
  if (isOwn(span)) span.endAt(atNanos, exit)
  else span.end(distance.time(atNanos), exit)
}
