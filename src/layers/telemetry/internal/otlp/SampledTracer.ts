/** A tracer that asks first whether a span is exported, and makes next to nothing of one that is not. */
import { Option, Tracer } from "effect"
import { RecordedSpan, type Recording } from "./RecordedSpan.ts"

type SpanOptions = Parameters<Tracer.Tracer["span"]>[0]

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
export const make = (recording: Recording, remoteParents: boolean): Tracer.Tracer => {
  const { decision } = recording
  const parentOf = ({ parent, root }: SpanOptions): Tracer.AnySpan | undefined => {
    if (root || Option.isNone(parent)) return undefined
    return parent.value._tag === "ExternalSpan" && !remoteParents ? undefined : parent.value
  }
  return Tracer.make({
    span: (options) => {
      const parent = parentOf(options)
      // Below one that is not sampled, `sampled` says nothing of its own.
      const isWanted = options.sampled || Option.getOrUndefined(options.parent)?.sampled === false
      if (isWanted && ((parent === undefined && options.links.some(isSampled)) || decision.sampled(parent))) {
        return new RecordedSpan(recording, options, parent)
      }
      return new Tracer.NativeSpan({
        ...options,
        parent: parent === undefined ? Option.none() : Option.some(parent),
        sampled: false
      })
    }
  })
}
