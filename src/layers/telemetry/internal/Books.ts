/** What is counted for one loaded version. Source: scheduling §8.2. */
import type { Distribution } from "../../../schema/MetricFamily.ts"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import type { InstancesCondition } from "../../../services/Executor.ts"
import {
  type AnsweredRequest,
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
  type RunTimes,
  type ShadowOutcome,
  type VersionBooks
} from "../../../services/Statistics.ts"
import { ascending, batchSizeBounds, Buckets, differenceBounds, firstResponseBounds } from "./Buckets.ts"
import * as ExactSum from "./ExactSum.ts"
import { at, Meters } from "./Meters.ts"
import { SlidingQuantiles } from "./SlidingQuantiles.ts"

/** @category models */
export interface Options extends BooksOptions {
  /** Keep quantiles of the last minute, for summaries. Default `false`. */
  readonly quantiles?: boolean | undefined
}

const { cacheHit, cacheMiss, computeInfer, computeInput, computeOutput, queue, request } = at

/** Numbers kept for the executions of one size: how many there were, and exact sums of their times. */
const inputAt = 1
const inferAt = inputAt + ExactSum.cells
const outputAt = inferAt + ExactSum.cells
const sizeCells = outputAt + ExactSum.cells

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
  private retries = 0
  private condition = (): InstancesCondition | undefined => undefined
  private depth = (): Depth => ({ waiting: 0, running: 0 })
  private readonly keepsQuantiles: boolean
  private readonly failNanos = new Float64Array(ExactSum.cells)
  private readonly meters: Meters
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
  private readonly sizes = new Map<number, Float64Array>()

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
    this.meters = new Meters(
      ascending(options.firstResponseBuckets ?? firstResponseBounds),
      (phase) =>
        this.keepsQuantiles && (this.cached || !phase.startsWith("cache")) ? new SlidingQuantiles(nowMillis) : undefined
    )
  }

  loaded(nanos: number): void {
    this.loadNanos = ExactSum.wholeNanos(nanos)
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

  answered(requests: ReadonlyArray<AnsweredRequest>, run: RunTimes, endedAtNanos: number): void {
    this.meters.answered(requests, run, endedAtNanos)
    for (let i = 0; i < requests.length; i++) {
      const { arrivedAt, rows, trace } = requests[i]!
      this.inferenceCount += rows
      if (trace !== undefined && trace.sampled) {
        this.exemplify({
          request: endedAtNanos - arrivedAt,
          queue: run.begunAtNanos - arrivedAt,
          computeInput: run.computeInputNanos,
          computeInfer: run.computeInferNanos,
          computeOutput: run.computeOutputNanos
        }, trace)
      }
    }
  }

  succeeded(rows: number, times: RequestTimes, trace?: TraceContext): void {
    const { meters } = this
    this.inferenceCount += rows
    meters.add(request, times.request)
    meters.add(queue, times.queue)
    meters.add(computeInput, times.computeInput)
    meters.add(computeInfer, times.computeInfer)
    meters.add(computeOutput, times.computeOutput)
    meters.firstResponse(times.request)
    if (trace !== undefined && trace.sampled) this.exemplify(times, trace)
  }

  /** What is not exported cannot be looked up, and is never taken for an exemplar. */
  private exemplify(times: RequestTimes, trace: TraceContext): void {
    const { meters } = this
    const now = this.nowMillis()
    meters.exemplify(request, times.request, trace, now)
    meters.exemplify(queue, times.queue, trace, now)
    meters.exemplify(computeInput, times.computeInput, trace, now)
    meters.exemplify(computeInfer, times.computeInfer, trace, now)
    meters.exemplify(computeOutput, times.computeOutput, trace, now)
  }

  cacheHit(times: CacheHitTimes, trace?: TraceContext): void {
    const { meters } = this
    meters.add(request, times.request)
    meters.add(queue, times.queue)
    meters.add(cacheHit, times.lookup)
    meters.firstResponse(times.request)
    if (trace !== undefined && trace.sampled) {
      const now = this.nowMillis()
      meters.exemplify(request, times.request, trace, now)
      meters.exemplify(queue, times.queue, trace, now)
    }
  }

  cacheMiss(nanos: number): void {
    this.meters.add(cacheMiss, nanos)
    this.meters.extend(request, nanos)
  }

  failed(reason: FailureReason, nanos: number): void {
    this.failures[reason]++
    this.failCount++
    ExactSum.add(this.failNanos, 0, ExactSum.wholeNanos(nanos))
    this.meters.firstResponse(nanos)
  }

  executed(rows: number, times: ExecutionTimes): void {
    this.executionCount++
    this.lastInferenceMillis = Math.max(this.lastInferenceMillis, this.nowMillis())
    let size = this.sizes.get(rows)
    if (size === undefined) {
      size = new Float64Array(sizeCells)
      this.sizes.set(rows, size)
    }
    size[0]!++
    ExactSum.add(size, inputAt, ExactSum.wholeNanos(times.computeInput))
    ExactSum.add(size, inferAt, ExactSum.wholeNanos(times.computeInfer))
    ExactSum.add(size, outputAt, ExactSum.wholeNanos(times.computeOutput))
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
      success: meters.phase(request),
      fail: { count: this.failCount, nanos: ExactSum.read(this.failNanos, 0) },
      failures: { ...this.failures },
      refusals: { ...this.refusals },
      shadows: { ...this.shadows },
      retries: this.retries,
      queue: meters.phase(queue),
      computeInput: meters.phase(computeInput),
      computeInfer: meters.phase(computeInfer),
      computeOutput: meters.phase(computeOutput),
      cacheHit: meters.phase(cacheHit),
      cacheMiss: meters.phase(cacheMiss),
      batches: Array.from(this.sizes, ([batchSize, size]): BatchSize => ({
        batchSize,
        count: size[0]!,
        computeInputNanos: ExactSum.read(size, inputAt),
        computeInferNanos: ExactSum.read(size, inferAt),
        computeOutputNanos: ExactSum.read(size, outputAt)
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
      micros: eachPhase((phase) => meters.micros(at[phase])),
      durations: eachPhase((phase) => meters.distribution(at[phase])),
      batchSizes: this.batchSizes(),
      firstResponse: meters.firstResponseDistribution,
      shadowDifference: this.differences.read(differenceBounds, this.differenceSum),
      quantile: this.keepsQuantiles ? (phase, share) => meters.quantile(at[phase], share) : undefined
    }
  }

  private batchSizes(): Distribution {
    const counts = new Array<number>(batchSizeBounds.length + 1).fill(0)
    let sum = 0
    for (const [rows, { 0: count = 0 }] of this.sizes) {
      const bound = batchSizeBounds.findIndex((most) => rows <= most)
      counts[bound === -1 ? batchSizeBounds.length : bound]! += count
      sum += rows * count
    }
    return { bounds: batchSizeBounds, counts, count: this.executionCount, sum }
  }
}

const eachPhase = <A>(of: (phase: PhaseName) => A): Readonly<Record<PhaseName, A>> =>
  Object.fromEntries(phases.map((phase) => [phase, of(phase)])) as Record<PhaseName, A>
