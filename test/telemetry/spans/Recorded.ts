/** A tracer that keeps every span, for tests to look at. */
import { Exit, Option, Tracer } from "effect"

/** A span, and what happened to it. */
export interface RecordedSpan extends Tracer.Span {
  readonly events: Array<[name: string, atNanos: bigint, attributes?: Readonly<Record<string, unknown>>]>
}

export interface Recorded {
  readonly tracer: Tracer.Tracer
  /** In the order of their making. */
  readonly spans: Array<RecordedSpan>
  /** Those of a name. */
  readonly named: (name: string) => ReadonlyArray<RecordedSpan>
  /** The only one of a name. */
  readonly one: (name: string) => RecordedSpan
}

/** `sampled` decides about roots. */
export const make = (sampled: (name: string) => boolean = () => true): Recorded => {
  const spans: Array<RecordedSpan> = []
  const named = (name: string) => spans.filter((span) => span.name === name)
  return {
    spans,
    named,
    one: (name) => {
      const [span, ...more] = named(name)
      if (span === undefined || more.length > 0) throw new Error(`${more.length + (span ? 1 : 0)} spans '${name}'`)
      return span
    },
    tracer: Tracer.make({
      span: (options) => {
        const span = Tracer.nativeTracer.span({
          ...options,
          sampled: options.sampled && (Option.isSome(options.parent) || sampled(options.name))
        }) as RecordedSpan
        if (span.sampled) spans.push(span)
        return span
      }
    })
  }
}

/** Id of the span above. */
export const parentOf = ({ parent }: Tracer.Span): string | undefined => Option.getOrUndefined(parent)?.spanId

/** Ids of the spans that it is linked to. */
export const linksOf = ({ links }: Tracer.Span): ReadonlyArray<string> => links.map(({ span }) => span.spanId)

/** When it began and ended, in nanoseconds. */
export const timesOf = ({ status }: Tracer.Span): readonly [begin: bigint, end: bigint | undefined] => [
  status.startTime,
  status._tag === "Ended" ? status.endTime : undefined
]

/** `ok`, `interrupted`, or what it failed with; `open`: it has not ended. */
export const endingOf = ({ status }: Tracer.Span): unknown =>
  status._tag === "Started"
    ? "open"
    : Exit.isSuccess(status.exit)
    ? "ok"
    : Exit.hasInterrupts(status.exit)
    ? "interrupted"
    : Option.getOrUndefined(Exit.findErrorOption(status.exit))

export const attributesOf = ({ attributes }: Tracer.Span): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes)
