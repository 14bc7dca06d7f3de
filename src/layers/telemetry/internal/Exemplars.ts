/** The last value of each bucket that a trace can be looked up for. */
import type { Exemplar } from "../../../schema/MetricFamily.ts"
import type { TraceContext } from "../../../schema/RequestTrace.ts"

/** @category models */
export class Exemplars {
  private readonly traceIds: Array<string | undefined>
  private readonly spanIds: Array<string>
  private readonly values: Float64Array
  private readonly times: Float64Array

  constructor(buckets: number) {
    this.traceIds = Array.from({ length: buckets })
    this.spanIds = Array.from({ length: buckets }, () => "")
    this.values = new Float64Array(buckets)
    this.times = new Float64Array(buckets)
  }

  /** Only the ids are kept: a context may hold on to its whole span. */
  keep(bucket: number, value: number, { spanId, traceId }: TraceContext, atMillis: number): void {
    this.traceIds[bucket] = traceId
    this.spanIds[bucket] = spanId
    this.values[bucket] = value
    this.times[bucket] = atMillis
  }

  /** One for each bucket that has one, with values so many times as small. */
  read(divisor: number): ReadonlyArray<Exemplar | undefined> {
    return this.traceIds.map((traceId, i) =>
      traceId === undefined
        ? undefined
        : { traceId, spanId: this.spanIds[i]!, value: this.values[i]! / divisor, atMillis: this.times[i]! }
    )
  }
}
