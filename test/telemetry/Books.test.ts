import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Books, type Options } from "../../src/layers/telemetry/internal/Books.ts"
import { durationBounds } from "../../src/layers/telemetry/internal/Buckets.ts"
import { type PhaseName, phases, type RequestTimes } from "../../src/services/Statistics.ts"

const times = (change: Partial<RequestTimes> = {}): RequestTimes => ({
  request: 10_000,
  queue: 1000,
  computeInput: 2000,
  computeInfer: 3000,
  computeOutput: 500,
  ...change
})

const books = (options: Options = {}, now: () => number = () => 0) => new Books("m", 1, now, options)

describe("Books", () => {
  it("start at zero", () => {
    const counts = books().counts()
    assert.strictEqual(counts.lastInferenceMillis, 0)
    assert.deepStrictEqual(counts.success, { count: 0, nanos: 0n })
    assert.deepStrictEqual(counts.failures, { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 })
    assert.deepStrictEqual(counts.batches, [])
    assert.isUndefined(books().measures().loadNanos)
  })

  it("count a request once in each phase, with its rows", () => {
    const one = books()
    one.succeeded(3, times())
    one.succeeded(1, times({ queue: 7 }))
    const counts = one.counts()
    assert.strictEqual(counts.inferenceCount, 4)
    assert.deepStrictEqual(counts.success, { count: 2, nanos: 20_000n })
    assert.deepStrictEqual(counts.queue, { count: 2, nanos: 1007n })
    assert.deepStrictEqual(counts.computeInput, { count: 2, nanos: 4000n })
    assert.deepStrictEqual(counts.computeInfer, { count: 2, nanos: 6000n })
    assert.deepStrictEqual(counts.computeOutput, { count: 2, nanos: 1000n })
    assert.strictEqual(counts.executionCount, 0)
  })

  it("count what a run has answered as a success of each request, whenever somebody asks", () => {
    const nanos = fc.oneof(
      fc.nat(100),
      fc.nat(3_000_000),
      fc.nat({ max: 2 ** 47 }),
      fc.double({ min: 0, max: 1e9, noNaN: true })
    )
    const arrival = fc.record({ arrivedAt: nanos, rows: fc.integer({ min: 1, max: 9 }), trace: fc.constant(undefined) })
    const run = fc.record({
      requests: fc.oneof(
        { weight: 9, arbitrary: fc.array(arrival, { minLength: 1, maxLength: 40 }) },
        // More than a page of notes takes.
        { weight: 1, arbitrary: fc.array(arrival, { minLength: 600, maxLength: 700 }) }
      ),
      begunAtNanos: nanos,
      endedAtNanos: nanos,
      computeInputNanos: nanos,
      computeInferNanos: nanos,
      computeOutputNanos: nanos,
      asked: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(run, { maxLength: 40 }), fc.boolean(), (runs, quantiles) => {
        const together = books({ quantiles })
        const apart = books({ quantiles })
        const read = (one: Books) => {
          const { quantile, ...measures } = one.measures()
          return [one.counts(), measures, phases.map((phase) => quantile?.(phase, 0.5))]
        }
        for (const { asked, endedAtNanos, requests, ...run } of runs) {
          together.answered(requests, run, endedAtNanos)
          for (const { arrivedAt, rows } of requests) {
            apart.succeeded(rows, {
              request: endedAtNanos - arrivedAt,
              queue: run.begunAtNanos - arrivedAt,
              computeInput: run.computeInputNanos,
              computeInfer: run.computeInferNanos,
              computeOutput: run.computeOutputNanos
            })
          }
          if (asked) assert.deepStrictEqual(read(together), read(apart))
        }
        assert.deepStrictEqual(read(together), read(apart))
      }),
      { numRuns: 50 }
    )
  })

  it("keep nothing of requests that a run has answered but the ids of those that are exported", () => {
    const one = books({}, () => 77)
    const trace = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }
    const requests = [
      { arrivedAt: 900_000, rows: 1, trace: { ...trace, sampled: true } },
      { arrivedAt: 0, rows: 1, trace: { ...trace, spanId: "1111111111111111", sampled: false } }
    ]
    const run = { begunAtNanos: 940_000, computeInputNanos: 1, computeInferNanos: 200_000, computeOutputNanos: 3 }
    one.answered(requests, run, 1_000_000)
    requests[0]!.arrivedAt = 0
    const { durations } = one.measures()
    const exemplars = (phase: PhaseName) => durations[phase].exemplars?.filter((exemplar) => exemplar !== undefined)
    assert.deepStrictEqual(exemplars("request"), [{ ...trace, value: 0.0001, atMillis: 77 }])
    assert.deepStrictEqual(exemplars("queue"), [{ ...trace, value: 0.00004, atMillis: 77 }])
    assert.deepStrictEqual(exemplars("computeInfer"), [{ ...trace, value: 0.0002, atMillis: 77 }])
    assert.deepStrictEqual(one.counts().success, { count: 2, nanos: 1_100_000n })
  })

  it("count quantiles of what a run has answered when it has, not when somebody asks", () => {
    let now = 0
    const one = books({ quantiles: true }, () => now)
    const run = { begunAtNanos: 50_000, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0 }
    one.answered([{ arrivedAt: 0, rows: 1, trace: undefined }], run, 100_000)
    now = 59_999
    assert.strictEqual(one.measures().quantile!("queue", 0.5), 50)
    now = 60_000
    assert.isNaN(one.measures().quantile!("queue", 0.5))
  })

  it("count a hit of the cache as a success without a run, and a miss as time of a success", () => {
    const one = books({ cached: true, quantiles: true })
    one.succeeded(3, times())
    one.cacheMiss(2500)
    one.cacheHit({ request: 700, queue: 200, lookup: 400 })
    const { cacheHit, cacheMiss, computeInfer, inferenceCount, queue, success } = one.counts()
    assert.deepStrictEqual(success, { count: 2, nanos: 13_200n })
    assert.deepStrictEqual(queue, { count: 2, nanos: 1200n })
    assert.deepStrictEqual([cacheHit, cacheMiss], [{ count: 1, nanos: 400n }, { count: 1, nanos: 2500n }])
    assert.deepStrictEqual([computeInfer.count, inferenceCount], [1, 3])
    const { durations, firstResponse, micros, quantile } = one.measures()
    assert.deepStrictEqual([micros.request, micros.cacheMiss, micros.cacheHit], [12, 2, 0])
    assert.deepStrictEqual([durations.cacheMiss.count, firstResponse.count], [1, 2])
    assert.strictEqual(quantile!("cacheMiss", 0.5), 2)
  })

  it("count an execution once at its size, sizes ascending, and remember the last", () => {
    let now = 5
    const one = books({}, () => now)
    for (const rows of [16, 2, 9, 2, 1]) one.executed(rows, { computeInput: rows, computeInfer: 10, computeOutput: 1 })
    now = 3
    one.executed(1, { computeInput: 1, computeInfer: 10, computeOutput: 1 })
    const { batches, executionCount, lastInferenceMillis } = one.counts()
    assert.strictEqual(executionCount, 6)
    assert.strictEqual(lastInferenceMillis, 5)
    assert.deepStrictEqual(
      batches.map(({ batchSize, computeInferNanos, computeInputNanos, count }) => [
        batchSize,
        count,
        computeInputNanos,
        computeInferNanos
      ]),
      [[1, 2, 2n, 20n], [2, 2, 4n, 20n], [9, 1, 9n, 10n], [16, 1, 16n, 10n]]
    )
  })

  it("count failures by their reason, and refusals apart from them", () => {
    const one = books()
    one.failed("CANCELED", 100)
    one.failed("BACKEND", 50)
    one.failed("BACKEND", 1)
    one.refused("queue_full")
    one.refused("invalid")
    const counts = one.counts()
    assert.deepStrictEqual(counts.fail, { count: 3, nanos: 151n })
    assert.deepStrictEqual(counts.failures, { REJECTED: 0, CANCELED: 1, BACKEND: 2, OTHER: 0 })
    assert.deepStrictEqual(counts.refusals, { queue_full: 1, deadline: 0, stopping: 0, suspended: 0, invalid: 1 })
  })

  it("count shadow runs by their outcome, and measure how far those that were compared are apart", () => {
    const one = books()
    one.shadowed("same", 0)
    one.shadowed("same", 1e-6)
    one.shadowed("different", 0.5)
    one.shadowed("different", Infinity)
    one.shadowed("failed")
    one.shadowed("dropped")
    assert.deepStrictEqual(one.counts().shadows, { same: 2, different: 2, failed: 1, dropped: 1 })
    const { bounds, count, counts, sum } = one.measures().shadowDifference
    assert.deepStrictEqual(bounds.filter((_, i) => counts[i]! > 0), [0, 1e-6, 1])
    assert.deepStrictEqual([counts.at(-1), count, sum], [1, 4, 0.500001])
  })

  it("ask whoever was named for what waits and runs", () => {
    const one = books()
    one.observe(() => ({ waiting: 4, running: 2 }))
    const { executing, pending } = one.counts()
    assert.deepStrictEqual([pending, executing], [4, 2])
  })

  it("keep sums exact where numbers are not any more", () => {
    const one = books()
    const huge = 2 ** 52 + 1
    for (let i = 0; i < 8; i++) one.succeeded(1, times({ request: huge }))
    one.succeeded(1, times({ request: 1 }))
    assert.strictEqual(one.counts().success.nanos, 8n * BigInt(huge) + 1n)
    const { sum } = one.measures().durations.request
    assert.approximately(sum, 8 * huge / 1e9, 0.01, "seconds, to the precision of a number of this size")
  })

  it("take parts of nanoseconds and clocks that step back as whole numbers", () => {
    const one = books()
    one.succeeded(1, times({ request: 1.9, queue: -5, computeInfer: Number.NaN }))
    const counts = one.counts()
    assert.deepStrictEqual([counts.success.nanos, counts.queue.nanos, counts.computeInfer.nanos], [1n, 0n, 0n])
  })

  it("cut each observation to whole microseconds before adding it", () => {
    const one = books()
    for (let i = 0; i < 3; i++) one.succeeded(1, times({ request: 1999, queue: 999 }))
    const { micros } = one.measures()
    assert.deepStrictEqual([micros.request, micros.queue], [3, 0])
  })

  it("put a duration into the first bucket that it does not exceed", () => {
    const one = books()
    for (const nanos of [0, 100_000, 100_001, 60e9, 60e9 + 1]) one.succeeded(1, times({ request: nanos }))
    const { bounds, count, counts } = one.measures().durations.request
    assert.deepStrictEqual(bounds, durationBounds)
    assert.strictEqual(count, 5)
    assert.deepStrictEqual([counts[0], counts[1], counts.at(-2), counts.at(-1)], [2, 1, 1, 1])
    for (const phase of phases) {
      assert.strictEqual(one.measures().durations[phase].count, phase.startsWith("cache") ? 0 : 5, phase)
    }
  })

  it("put executions into buckets by their rows", () => {
    const one = books()
    for (const rows of [1, 3, 4, 5000]) one.executed(rows, { computeInput: 0, computeInfer: 0, computeOutput: 0 })
    const { bounds, count, counts, sum } = one.measures().batchSizes
    assert.deepStrictEqual(bounds.slice(0, 3), [1, 2, 4])
    assert.deepStrictEqual(counts.slice(0, 3), [1, 0, 2])
    assert.deepStrictEqual([counts.at(-1), count, sum], [1, 4, 5008])
  })

  it("count first responses of successes and failures in whole milliseconds, by the buckets of the config", () => {
    const standard = books()
    standard.succeeded(1, times({ request: 100.9e6 }))
    standard.failed("OTHER", 5001e6)
    assert.deepStrictEqual(standard.measures().firstResponse, {
      bounds: [100, 500, 2000, 5000],
      counts: [1, 0, 0, 0, 1],
      count: 2,
      sum: 5101
    })
    const own = books({ firstResponseBuckets: [50, 1, Number.NaN, 50, Infinity] })
    own.succeeded(1, times({ request: 2e6 }))
    const { bounds, counts } = own.measures().firstResponse
    assert.deepStrictEqual([bounds, counts], [[1, 50], [0, 1, 0]])
  })

  it("keep quantiles only where asked", () => {
    assert.isUndefined(books().measures().quantile)
    const one = books({ quantiles: true })
    for (let micros = 1; micros <= 100; micros++) one.succeeded(1, times({ queue: micros * 1000 }))
    const quantile = one.measures().quantile!
    assert.deepStrictEqual([0.01, 0.5, 1].map((share) => quantile("queue", share)), [1, 50, 100])
    assert.isNaN(books({ quantiles: true }).measures().quantile!("queue", 0.5))
  })
})
