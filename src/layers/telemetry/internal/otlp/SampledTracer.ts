/** A tracer that asks first whether a span is exported, and makes next to nothing of one that is not. */
import { Context, Option, Tracer } from "effect"
import { begin, type OwnTracer } from "../../spans/OwnSpan.ts"
import { RecordedSpan } from "./RecordedSpan.ts"
import type { Recording } from "./Recording.ts"

type SpanOptions = Parameters<Tracer.Tracer["span"]>[0]

const noAnnotations = Context.empty()

const isSampled = ({ span }: Tracer.SpanLink): boolean => span.sampled

/**
 * Spans that are exported where the decision of `recording` says so. A span without a parent that is linked to an exported one, as that
 * of a batch is to its requests, is exported with it.
 *
 * It does not follow what fibers do: nothing in this process would look at OpenTelemetry's own context, and each step of every fiber
 * would pay.
 *
 * @category constructors
 */
export const make = (recording: Recording, remoteParents: boolean): OwnTracer => {
  const { decision } = recording
  const counting = (parent: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined =>
    parent !== undefined && parent._tag === "ExternalSpan" && !remoteParents ? undefined : parent
  const isExported = (parent: Tracer.AnySpan | undefined, links: ReadonlyArray<Tracer.SpanLink>): boolean =>
    (parent === undefined && links.some(isSampled)) || decision.sampled(parent)
  const leftOut = (options: SpanOptions, parent: Tracer.AnySpan | undefined): Tracer.Span =>
    new Tracer.NativeSpan({ ...options, parent: Option.fromUndefinedOr(parent), sampled: false })
  return {
    ...Tracer.make({
      span: (options) => {
        const above = Option.getOrUndefined(options.parent)
        const parent = options.root ? undefined : counting(above)
        // Below one that is not sampled, `sampled` says nothing of its own.
        const isWanted = options.sampled || above?.sampled === false
        return isWanted && isExported(parent, options.links)
          ? RecordedSpan.of(recording, options, parent)
          : leftOut(options, parent)
      }
    }),
    [begin]: ({ atNanos, distance, kind, links, name, parent: above }) => {
      const parent = counting(above)
      const origin = { annotations: noAnnotations, kind, name, parent }
      if (!isExported(parent, links)) {
        const sampled = false
        const startTime = distance.time(atNanos)
        return leftOut(
          { ...origin, links, startTime, sampled, root: above === undefined, parent: Option.none() },
          parent
        )
      }
      const span = RecordedSpan.at(recording, origin, atNanos, distance)
      if (links.length > 0) span.addLinks(links)
      return span
    }
  }
}
