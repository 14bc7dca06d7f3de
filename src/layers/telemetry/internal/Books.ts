/** What is counted for one loaded version. Source: scheduling §8.2. */
import type { Distribution } from "../../../schema/MetricFamily.ts"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import type { InstancesCondition } from "../../../services/Executor.ts"
import {
  type BatchSize,
  type BooksOptions,
  type CacheHitTimes,
  type Counts,
  type Depth,
  type ExecutionTimes,
  type FailureReason,
  type Measures,
  type PhaseName,
  phases,
  type RefusalReason,
  type RequestTimes,
  type ShadowOutcome,
  type VersionBooks
} from "../../../services/Statistics.ts"
import { ascending, batchSizeBounds, Buckets, differenceBounds, firstResponseBounds } from "./Buckets.ts"
import { Meter } from "./Meter.ts"
import { NanosTotal, wholeNanos } from "./NanosTotal.ts"

/** @category models */
export interface Options extends BooksOptions {
  /** Keep quantiles of the last minute, for summaries. Default `false`. */
  readonly quantiles?: boolean | undefined
}

interface Batches {
  count: number
  readonly computeInput: NanosTotal
  readonly computeInfer: NanosTotal
  readonly computeOutput: NanosTotal
}

/** @category models */
export class Books implements VersionBooks {
  readonly model: string
  readonly version: number
  readonly tags: Readonly<Record<string, string>>
  readonly namespace: string | undefined
  readonly cached: boolean
  readonly maxBatchSize: number
  readonly instances: number
  readonly sinceMillis: number
  private readonly nowMillis: () => number
  private loadNanos: number | undefined = undefined
  private lastInferenceMillis = 0
  private inferenceCount = 0
  private executionCount = 0
  private failCount = 0
  private firstResponseMillis = 0
  private retries = 0
  private condition = (): InstancesCondition | undefined => undefined
  private depth = (): Depth => ({ waiting: 0, running: 0 })
  private readonly keepsQuantiles: boolean
  private readonly failNanos = new NanosTotal()
  private readonly meters: Readonly<Record<PhaseName, Meter>>
  private readonly firstResponseBounds: ReadonlyArray<number>
  private readonly firstResponses: Buckets
  private readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }
  private readonly refusals: Record<RefusalReason, number> = {
    queue_full: 0,
    deadline: 0,
    stopping: 0,
    suspended: 0,
    invalid: 0
  }
  private readonly shadows: Record<ShadowOutcome, number> = { same: 0, different: 0, failed: 0, dropped: 0 }
  private readonly differences = new Buckets(differenceBounds)
  private differenceSum = 0
  private readonly batches = new Map<number, Batches>()

  constructor(model: string, version: number, nowMillis: () => number, options: Options = {}) {
    this.model = model
    this.version = version
    this.nowMillis = nowMillis
    this.tags = options.tags ?? {}
    this.namespace = options.namespace
    this.cached = options.cached === true
    this.maxBatchSize = options.maxBatchSize ?? 0
    this.instances = options.instances ?? 0
    this.sinceMillis = nowMillis()
    this.keepsQuantiles = options.quantiles === true
    const meter = (used = true) => new Meter(this.keepsQuantiles && used ? nowMillis : undefined)
    this.meters = {
      request: meter(),
      queue: meter(),
      computeInput: meter(),
      computeInfer: meter(),
      computeOutput: meter(),
      cacheHit: meter(this.cached),
      cacheMiss: meter(this.cached)
    }
    this.firstResponseBounds = ascending(options.firstResponseBuckets ?? firstResponseBounds)
    this.firstResponses = new Buckets(this.firstResponseBounds)
  }

  loaded(nanos: number): void {
    this.loadNanos = wholeNanos(nanos)
  }

  observe(depth: () => Depth): void {
    this.depth = depth
  }

  observeInstances(condition: () => InstancesCondition): void {
    this.condition = condition
  }

  instancesCondition(): InstancesCondition | undefined {
    return this.condition()
  }

  retried(requests: number): void {
    this.retries += requests
  }

  refused(reason: RefusalReason): void {
    this.refusals[reason]++
  }

  succeeded(rows: number, times: RequestTimes, trace?: TraceContext): void {
    const { meters } = this
    this.inferenceCount += rows
    meters.request.add(times.request)
    meters.queue.add(times.queue)
    meters.computeInput.add(times.computeInput)
    meters.computeInfer.add(times.computeInfer)
    meters.computeOutput.add(times.computeOutput)
    this.answered(times.request)
    if (trace !== undefined && trace.sampled) this.exemplify(times, trace)
  }

  /** What is not exported cannot be looked up, and is never taken for an exemplar. */
  private exemplify(times: RequestTimes, trace: TraceContext): void {
    const { meters } = this
    const now = this.nowMillis()
    meters.request.exemplify(times.request, trace, now)
    meters.queue.exemplify(times.queue, trace, now)
    meters.computeInput.exemplify(times.computeInput, trace, now)
    meters.computeInfer.exemplify(times.computeInfer, trace, now)
    meters.computeOutput.exemplify(times.computeOutput, trace, now)
  }

  cacheHit({ lookup, queue, request }: CacheHitTimes, trace?: TraceContext): void {
    const { meters } = this
    meters.request.add(request)
    meters.queue.add(queue)
    meters.cacheHit.add(lookup)
    this.answered(request)
    if (trace !== undefined && trace.sampled) {
      const now = this.nowMillis()
      meters.request.exemplify(request, trace, now)
      meters.queue.exemplify(queue, trace, now)
    }
  }

  cacheMiss(nanos: number): void {
    const { meters } = this
    meters.cacheMiss.add(nanos)
    meters.request.extend(nanos)
  }

  failed(reason: FailureReason, nanos: number): void {
    this.failures[reason]++
    this.failCount++
    this.failNanos.add(wholeNanos(nanos))
    this.answered(nanos)
  }

  private answered(nanos: number): void {
    const millis = Math.floor(wholeNanos(nanos) / 1e6)
    this.firstResponseMillis += millis
    this.firstResponses.add(millis)
  }

  executed(rows: number, times: ExecutionTimes): void {
    this.executionCount++
    this.lastInferenceMillis = Math.max(this.lastInferenceMillis, this.nowMillis())
    let batch = this.batches.get(rows)
    if (batch === undefined) {
      batch = {
        count: 0,
        computeInput: new NanosTotal(),
        computeInfer: new NanosTotal(),
        computeOutput: new NanosTotal()
      }
      this.batches.set(rows, batch)
    }
    batch.count++
    batch.computeInput.add(wholeNanos(times.computeInput))
    batch.computeInfer.add(wholeNanos(times.computeInfer))
    batch.computeOutput.add(wholeNanos(times.computeOutput))
  }

  shadowed(outcome: ShadowOutcome, largest = 0): void {
    this.shadows[outcome]++
    if (outcome === "failed" || outcome === "dropped") return
    this.differences.add(largest)
    if (Number.isFinite(largest)) this.differenceSum += largest
  }

  counts(): Counts {
    const { meters } = this
    const { oldestNanos = 0, running, sequences, waiting } = this.depth()
    return {
      lastInferenceMillis: this.lastInferenceMillis,
      inferenceCount: this.inferenceCount,
      executionCount: this.executionCount,
      success: meters.request.phase,
      fail: { count: this.failCount, nanos: this.failNanos.value },
      failures: { ...this.failures },
      refusals: { ...this.refusals },
      shadows: { ...this.shadows },
      retries: this.retries,
      queue: meters.queue.phase,
      computeInput: meters.computeInput.phase,
      computeInfer: meters.computeInfer.phase,
      computeOutput: meters.computeOutput.phase,
      cacheHit: meters.cacheHit.phase,
      cacheMiss: meters.cacheMiss.phase,
      batches: Array.from(this.batches, ([batchSize, batch]): BatchSize => ({
        batchSize,
        count: batch.count,
        computeInputNanos: batch.computeInput.value,
        computeInferNanos: batch.computeInfer.value,
        computeOutputNanos: batch.computeOutput.value
      })).toSorted((a, b) => a.batchSize - b.batchSize),
      pending: waiting,
      executing: running,
      oldestNanos,
      ...(sequences === undefined ? {} : { sequences })
    }
  }

  measures(): Measures {
    const { meters } = this
    return {
      loadNanos: this.loadNanos,
      micros: eachPhase((phase) => meters[phase].micros),
      durations: eachPhase((phase) => meters[phase].distribution),
      batchSizes: this.batchSizes(),
      firstResponse: this.firstResponses.read(this.firstResponseBounds, this.firstResponseMillis),
      shadowDifference: this.differences.read(differenceBounds, this.differenceSum),
      quantile: this.keepsQuantiles ? (phase, share) => meters[phase].quantile(share) : undefined
    }
  }

  private batchSizes(): Distribution {
    const counts = new Array<number>(batchSizeBounds.length + 1).fill(0)
    let sum = 0
    for (const [rows, { count }] of this.batches) {
      const bound = batchSizeBounds.findIndex((most) => rows <= most)
      counts[bound === -1 ? batchSizeBounds.length : bound]! += count
      sum += rows * count
    }
    return { bounds: batchSizeBounds, counts, count: this.executionCount, sum }
  }
}

const eachPhase = <A>(of: (phase: PhaseName) => A): Readonly<Record<PhaseName, A>> =>
  Object.fromEntries(phases.map((phase) => [phase, of(phase)])) as Record<PhaseName, A>
