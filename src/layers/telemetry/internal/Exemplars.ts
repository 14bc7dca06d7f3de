/** The last value of each bucket that a trace can be looked up for. */
import type { Exemplar } from "../../../schema/MetricFamily.ts"
import type { TraceContext } from "../../../schema/RequestTrace.ts"

type Ids = Pick<TraceContext, "spanId" | "traceId">

/** @category models */
export class Exemplars {
  private readonly traces: Array<Ids | undefined>
  private readonly values: Float64Array
  private readonly times: Float64Array

  constructor(buckets: number) {
    this.traces = Array.from({ length: buckets })
    this.values = new Float64Array(buckets)
    this.times = new Float64Array(buckets)
  }

  /** Only the ids are kept: a context may hold on to its whole span. */
  keep(bucket: number, value: number, trace: TraceContext, atMillis: number): void {
    this.traces[bucket] = trace.isLight === true ? trace : { traceId: trace.traceId, spanId: trace.spanId }
    this.values[bucket] = value
    this.times[bucket] = atMillis
  }

  /** One for each bucket that has one, with values so many times as small. */
  read(divisor: number): ReadonlyArray<Exemplar | undefined> {
    return this.traces.map((trace, i) => {
      if (trace === undefined) return undefined
      const { spanId, traceId } = trace
      return { traceId, spanId, value: this.values[i]! / divisor, atMillis: this.times[i]! }
    })
  }
}
