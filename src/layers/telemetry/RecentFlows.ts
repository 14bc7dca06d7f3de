/**
 * Notes what happens to requests while a console asks for it.
 *
 * Nobody asks: the answer to every request is one read of a flag. Somebody asks: a request is noted now and then, however many
 * come, and the last ones are kept.
 */
import { Clock, Effect, Layer } from "effect"
import { randomBytes } from "node:crypto"
import type { Flow } from "../../schema/Flow.ts"
import { RecentFlows, type RecentFlowsState } from "../../services/RecentFlows.ts"
import type { RequestObserver } from "../../services/Tracing.ts"
import { FlowNotes, type Surroundings } from "./internal/FlowNotes.ts"

/** @category models */
export interface Options {
  /** Flows that are kept. Default 128. */
  readonly capacity?: number
  /** Requests that are noted at a time. Default 256. */
  readonly maxOpen?: number
  /** Requests with the mark that are noted beyond those. Default 16. */
  readonly maxOwnOpen?: number
  /** Milliseconds between two requests that are noted. Default 20. */
  readonly gapMillis?: number
  /** Milliseconds for which somebody who asked is believed to look. Default 5000. */
  readonly attentionMillis?: number
  /** See `RecentFlowsState.mark`; 16 hexadecimal digits. Default: random ones. */
  readonly mark?: string
}

/** @category constructors */
export const make = (
  options: Options = {}
): Effect.Effect<RecentFlowsState & { readonly observer: RequestObserver }> =>
  Effect.map(Clock.Clock, (clock) => {
    const { attentionMillis = 5000, capacity = 128, gapMillis = 20, maxOpen = 256, maxOwnOpen = 16 } = options
    const mark = options.mark ?? randomBytes(8).toString("hex")
    const nowNanos = () => Number(clock.monotonicTimeNanosUnsafe())
    const kept: Array<Flow> = []
    let watched = false
    let watchedUntilNanos = 0
    let nextNanos = 0
    let count = 0
    let open = 0

    const surroundings: Surroundings = {
      nowNanos,
      over: (flow) => {
        open--
        if (!watched) return
        if (kept.length >= capacity) kept.shift()
        kept.push(flow(++count))
      }
    }

    return {
      observer: {
        active: () => watched,
        begin: (arrival, span) => {
          const { atNanos, context } = arrival
          if (atNanos > watchedUntilNanos) {
            watched = false
            kept.length = 0
            return undefined
          }
          const isOwn = context !== undefined && context.traceId.startsWith(mark)
          if (open >= (isOwn ? maxOpen + maxOwnOpen : maxOpen)) return undefined
          if (!isOwn) {
            if (atNanos < nextNanos) return undefined
            nextNanos = atNanos + gapMillis * 1e6
          }
          open++
          // The console makes up trace ids to know its own requests again: without a span here they are of no trace.
          return new FlowNotes(
            arrival,
            { traceId: (span ?? context)?.traceId, traced: (span ?? (isOwn ? undefined : context))?.sampled === true },
            clock.currentTimeMillisUnsafe(),
            surroundings
          )
        }
      },
      mark,
      after: (number) =>
        Effect.sync(() => {
          watched = true
          watchedUntilNanos = nowNanos() + attentionMillis * 1e6
          return kept.filter((flow) => flow.number > number)
        })
    }
  })

/** Notes requests while a console asks for it. `ConfiguredTracing` tells it of them. @category layers */
export const layer = (options: Options = {}): Layer.Layer<never> => Layer.effect(RecentFlows, make(options))
