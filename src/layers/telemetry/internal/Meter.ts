/** Everything that is kept of one duration of requests: count, exact sum, sum of whole microseconds, buckets, exemplars, quantiles. */
import type { Distribution } from "../../../schema/MetricFamily.ts"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import type { Phase } from "../../../services/Statistics.ts"
import { Buckets, durationBounds } from "./Buckets.ts"
import { Exemplars } from "./Exemplars.ts"
import { NanosTotal, wholeNanos } from "./NanosTotal.ts"
import { SlidingQuantiles } from "./SlidingQuantiles.ts"

const nanosBounds = durationBounds.map((seconds) => Math.round(seconds * 1e9))

/** @category models */
export class Meter {
  private count = 0
  private readonly total = new NanosTotal()
  private wholeMicros = 0
  private readonly buckets = new Buckets(nanosBounds)
  private exemplars: Exemplars | undefined = undefined
  private readonly quantiles: SlidingQuantiles | undefined

  /** `nowMillis` is there where quantiles are wanted. */
  constructor(nowMillis: (() => number) | undefined) {
    this.quantiles = nowMillis === undefined ? undefined : new SlidingQuantiles(nowMillis)
  }

  add(nanos: number): void {
    const whole = wholeNanos(nanos)
    const micros = Math.floor(whole / 1000)
    this.count++
    this.total.add(whole)
    this.wholeMicros += micros
    this.buckets.add(whole)
    if (this.quantiles !== undefined) this.quantiles.add(micros)
  }

  /** A trace can be looked up for a duration that was added. */
  exemplify(nanos: number, trace: TraceContext, atMillis: number): void {
    const whole = wholeNanos(nanos)
    this.exemplars ??= new Exemplars(nanosBounds.length + 1)
    this.exemplars.keep(this.buckets.indexOf(whole), whole, trace, atMillis)
  }

  /** One of the durations counted before was longer by so much. Buckets and quantiles stay as they are. */
  extend(nanos: number): void {
    const whole = wholeNanos(nanos)
    this.total.add(whole)
    this.wholeMicros += Math.floor(whole / 1000)
  }

  get phase(): Phase {
    return { count: this.count, nanos: this.total.value }
  }

  /** Sum of the durations, each cut to whole microseconds. */
  get micros(): number {
    return this.wholeMicros
  }

  /** In seconds. */
  get distribution(): Distribution {
    const distribution = this.buckets.read(durationBounds, this.total.seconds)
    return this.exemplars === undefined ? distribution : { ...distribution, exemplars: this.exemplars.read(1e9) }
  }

  /** In microseconds; NaN also where quantiles are not kept. */
  quantile(share: number): number {
    return this.quantiles?.quantile(share) ?? Number.NaN
  }
}
