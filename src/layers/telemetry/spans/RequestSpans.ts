/**
 * Makes spans of what is noted of requests, with whichever tracer the program has: of a request, of the queue that it waits in, of the
 * steps of an ensemble, and of the executions, which are linked to their requests.
 *
 * A request that is not sampled costs one question: nothing is made for it.
 */
import { Clock, Effect, type Tracer } from "effect"
import { attribute } from "../../../schema/SpanNames.ts"
import { HeadSampler, type HeadSampling } from "../../../services/HeadSampler.ts"
import type { Arrival, RequestObserver } from "../../../services/Tracing.ts"
import { WallTime } from "../internal/WallTime.ts"
import { contextOf } from "./ModelSpan.ts"
import { isOwn } from "./OwnSpan.ts"
import { Recorder } from "./Recorder.ts"
import * as RemoteSpan from "./RemoteSpan.ts"
import { RequestSpan } from "./RequestSpan.ts"
import { bounded } from "./SpanValues.ts"

/** @category models */
export interface Options {
  readonly tracer: Tracer.Tracer
  /** Characters of a text in an attribute; what is longer is cut. Default: 1024. */
  readonly maxAttributeLength?: number
}

/** @category models */
export interface RequestSpans {
  /** `undefined`: it is not sampled. */
  readonly begin: RequestObserver["begin"]
}

const parentOf = ({ context, parent }: Arrival, remote: RemoteSpan.RemoteSpan): Tracer.AnySpan | undefined =>
  context === undefined ? parent : remote(context)

const isLeftOut = (sampler: HeadSampling | undefined, { context, parent }: Arrival): boolean =>
  sampler !== undefined && !sampler(context ?? parent)

/** Spans of requests by this tracer; an explicit `HeadSampler` is asked first. @category constructors */
export const make = ({ maxAttributeLength = 1024, tracer }: Options): Effect.Effect<RequestSpans> =>
  Effect.gen(function*() {
    const sampler = yield* HeadSampler
    const remote = yield* RemoteSpan.make
    const recorder = new Recorder(tracer, new WallTime(yield* Clock.Clock), maxAttributeLength)

    return {
      begin: (arrival) => {
        if (isLeftOut(sampler, arrival)) return undefined
        const { atNanos, context, model, protocol, source } = arrival
        const distance = recorder.time.distanceAt(atNanos)
        const { attributes, name, path } = source.facts()
        const span = recorder.begin({
          name,
          kind: protocol === "local" ? "internal" : "server",
          parent: parentOf(arrival, remote),
          atNanos,
          distance,
          links: []
        })
        if (!span.sampled) return undefined
        if (isOwn(span)) span.tellFacts(attributes, maxAttributeLength)
        else {
          for (let i = 0; i < attributes.length; i++) {
            const [key, value] = attributes[i]!
            span.attribute(key, typeof value === "string" ? bounded(value, maxAttributeLength) : value)
          }
        }
        if (path !== undefined) span.attribute("url.path", bounded(path, maxAttributeLength))
        span.attribute(attribute.model, bounded(model, maxAttributeLength))
        return new RequestSpan(recorder, span, contextOf(span, context?.traceState), distance, protocol)
      }
    }
  })
