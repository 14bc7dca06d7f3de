/** Several observers of requests as one. */
import type { ModelTrace, RequestTrace, TraceContext } from "../../../schema/RequestTrace.ts"
import type { RequestObserver } from "../../../services/Tracing.ts"

/** What all of them want to know. The first one that makes spans says which to refer to, also to those behind it. @category constructors */
export const together = (observers: ReadonlyArray<RequestObserver>): RequestObserver => {
  const [only] = observers
  if (only !== undefined && observers.length === 1) return only
  return {
    active: () => {
      for (let i = 0; i < observers.length; i++) if (observers[i]!.active()) return true
      return false
    },
    begin: (arrival) => {
      let first: RequestTrace | undefined
      let all: Array<RequestTrace> | undefined
      let context: TraceContext | undefined
      for (let i = 0; i < observers.length; i++) {
        const observer = observers[i]!
        const trace = observer.active() ? observer.begin(arrival, context) : undefined
        if (trace === undefined) continue
        context ??= trace.context
        if (first === undefined) first = trace
        else if (all === undefined) all = [first, trace]
        else all.push(trace)
      }
      return all === undefined ? first : allRequests(all)
    }
  }
}

const contextOf = (traces: ReadonlyArray<RequestTrace | ModelTrace>) =>
  traces.find(({ context }) => context !== undefined)?.context

const allRequests = (traces: ReadonlyArray<RequestTrace>): RequestTrace => ({
  context: contextOf(traces),
  model: (options) => allModels(traces.map((trace) => trace.model(options))),
  mark: (activity, atNanos) => {
    for (const trace of traces) trace.mark(activity, atNanos)
  },
  client: (key) => {
    for (const trace of traces) trace.client?.(key)
  },
  ended: (outcome) => {
    for (const trace of traces) trace.ended(outcome)
  }
})

const allModels = (traces: ReadonlyArray<ModelTrace>): ModelTrace => ({
  context: contextOf(traces),
  wantsTensors: traces.some(({ wantsTensors }) => wantsTensors),
  model: (options) => allModels(traces.map((trace) => trace.model(options))),
  queued: (atNanos) => {
    for (const trace of traces) trace.queued(atNanos)
  },
  ran: (run) => {
    for (const trace of traces) trace.ran(run)
  },
  retried: (failure, atNanos) => {
    for (const trace of traces) trace.retried?.(failure, atNanos)
  },
  cached: (outcome, lookupNanos) => {
    for (const trace of traces) trace.cached(outcome, lookupNanos)
  },
  tensors: (activity, tensors) => {
    for (const trace of traces) if (trace.wantsTensors) trace.tensors(activity, tensors)
  },
  leftOut: (step) => {
    for (const trace of traces) trace.leftOut?.(step)
  },
  ended: (failure) => {
    for (const trace of traces) trace.ended(failure)
  }
})
