/** What all spans of requests are made with. */
import { Context, Option, type Tracer } from "effect"
import type { WallTime } from "../internal/WallTime.ts"

const noAnnotations = Context.empty()

/** @category models */
export interface Beginning {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: Tracer.AnySpan | undefined
  /** Nanoseconds since 1970. */
  readonly startTime: bigint
  readonly links: Array<Tracer.SpanLink>
}

/** @category models */
export class Recorder {
  readonly tracer: Tracer.Tracer
  readonly time: WallTime
  /** Characters of a text in an attribute. */
  readonly maxLength: number

  constructor(tracer: Tracer.Tracer, time: WallTime, maxLength: number) {
    this.tracer = tracer
    this.time = time
    this.maxLength = maxLength
  }

  /** Begins a span. One without a parent begins a trace, whatever the calling program is doing. */
  begin({ kind, links, name, parent, startTime }: Beginning): Tracer.Span {
    return this.tracer.span({
      name,
      parent: parent === undefined ? Option.none() : Option.some(parent),
      annotations: noAnnotations,
      links,
      startTime,
      kind,
      root: parent === undefined,
      sampled: parent === undefined || parent.sampled
    })
  }
}

/** A moment of the monotonic clock as nanoseconds since 1970. @category getters */
export const wallTime = (atNanos: number, offset: bigint): bigint => BigInt(Math.round(atNanos)) + offset
