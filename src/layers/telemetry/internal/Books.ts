/** What is counted for one loaded version. Source: scheduling §8.2. */
import type {
  BatchSize,
  Counts,
  ExecutionTimes,
  FailureReason,
  ModelStatistics,
  RefusalReason,
  RequestTimes
} from "../../../services/Statistics.ts"

interface Sum {
  count: number
  nanos: number
}

const zero = (): Sum => ({ count: 0, nanos: 0 })

const add = (sum: Sum, nanos: number): void => {
  sum.count++
  sum.nanos += nanos
}

/** @category models */
export class Books implements ModelStatistics {
  readonly model: string
  readonly version: number
  private readonly nowMillis: () => number
  private lastInferenceMillis = 0
  private inferenceCount = 0
  private executionCount = 0
  private depth = () => ({ waiting: 0, running: 0 })
  private readonly success = zero()
  private readonly fail = zero()
  private readonly queue = zero()
  private readonly computeInput = zero()
  private readonly computeInfer = zero()
  private readonly computeOutput = zero()
  private readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }
  private readonly refusals: Record<RefusalReason, number> = { queue_full: 0, stopping: 0 }
  private readonly batches = new Map<number, { -readonly [Key in keyof BatchSize]: BatchSize[Key] }>()

  constructor(model: string, version: number, nowMillis: () => number) {
    this.model = model
    this.version = version
    this.nowMillis = nowMillis
  }

  observe(depth: () => { waiting: number; running: number }): void {
    this.depth = depth
  }

  refused(reason: RefusalReason): void {
    this.refusals[reason]++
  }

  succeeded(rows: number, times: RequestTimes): void {
    this.inferenceCount += rows
    add(this.success, times.request)
    add(this.queue, times.queue)
    add(this.computeInput, times.computeInput)
    add(this.computeInfer, times.computeInfer)
    add(this.computeOutput, times.computeOutput)
  }

  failed(reason: FailureReason, nanos: number): void {
    this.failures[reason]++
    add(this.fail, nanos)
  }

  executed(rows: number, times: ExecutionTimes): void {
    this.executionCount++
    this.lastInferenceMillis = Math.max(this.lastInferenceMillis, this.nowMillis())
    let batch = this.batches.get(rows)
    if (batch === undefined) {
      batch = { batchSize: rows, count: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0 }
      this.batches.set(rows, batch)
    }
    batch.count++
    batch.computeInputNanos += times.computeInput
    batch.computeInferNanos += times.computeInfer
    batch.computeOutputNanos += times.computeOutput
  }

  counts(): Counts {
    const { running, waiting } = this.depth()
    return {
      lastInferenceMillis: this.lastInferenceMillis,
      inferenceCount: this.inferenceCount,
      executionCount: this.executionCount,
      success: { ...this.success },
      fail: { ...this.fail },
      failures: { ...this.failures },
      refusals: { ...this.refusals },
      queue: { ...this.queue },
      computeInput: { ...this.computeInput },
      computeInfer: { ...this.computeInfer },
      computeOutput: { ...this.computeOutput },
      batches: Array.from(this.batches.values(), (batch) => ({ ...batch })).toSorted((a, b) =>
        a.batchSize - b.batchSize
      ),
      pending: waiting,
      executing: running
    }
  }
}
