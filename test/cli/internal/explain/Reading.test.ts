import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Reading from "../../../../src/layers/cli/internal/explain/Reading.ts"
import { config, counts, entry, settings } from "./Readings.ts"

describe("settings", () => {
  it("are read from the configuration", () => {
    assert.deepStrictEqual(
      settings({
        maxBatchSize: 16,
        instances: 3,
        dynamic: { preferred_batch_size: [8, 4, 8], max_queue_delay_microseconds: 100, preserve_ordering: true }
      }),
      {
        name: "m",
        maxBatchSize: 16,
        scheduling: "dynamic",
        steps: [],
        preferredBatchSizes: [4, 8],
        maxQueueDelayMicros: 100,
        preserveOrdering: true,
        instances: 3
      }
    )
  })

  it("have defaults for all that is left out, and take integers that came as strings", () => {
    const read = Reading.settings({ name: "m", max_batch_size: "4" })
    assert.deepStrictEqual(Result.getOrThrow(read), {
      name: "m",
      maxBatchSize: 4,
      scheduling: "none",
      steps: [],
      preferredBatchSizes: [],
      maxQueueDelayMicros: 0,
      preserveOrdering: false,
      instances: 1
    })
  })

  it("know other kinds of scheduling", () => {
    assert.strictEqual(
      settings({ dynamic: undefined, more: { sequence_batching: { direct: {} } } }).scheduling,
      "sequence"
    )
    const step = [{ model_name: "a" }, { model_name: "b" }, { model_name: "a" }]
    const ensemble = settings({ dynamic: undefined, more: { ensemble_scheduling: { step } } })
    assert.deepStrictEqual([ensemble.scheduling, ensemble.steps], ["ensemble", ["a", "b"]])
  })

  it("count the instances of all groups, on each GPU", () => {
    const groups = [{ count: 2, gpus: [0, 1] }, { count: 3, gpus: [] }]
    assert.strictEqual(settings({ more: { instance_group: groups } }).instances, 7)
  })

  it("say what is not as expected", () => {
    const read = Reading.settings({ ...config(), max_batch_size: "many" })
    assert.include(Result.isFailure(read) ? read.failure : "", "max_batch_size")
  })
})

describe("counts", () => {
  it("are read for every version, with batches by ascending size", () => {
    const read = Reading.counts({ model_stats: [entry({ batches: { 4: 10 } }), entry({ version: "2", batches: {} })] })
    const [first, second] = Result.getOrThrow(read)
    assert.deepStrictEqual(first, {
      version: "1",
      requests: 40,
      failures: 0,
      rows: 40,
      executions: 10,
      queueNanos: 0,
      computeInputNanos: 4_000_000,
      computeInferNanos: 32_000_000,
      computeOutputNanos: 4_000_000,
      batches: [{ rows: 4, executions: 10, computeNanos: 10_000_000 }]
    })
    assert.deepStrictEqual([second!.version, second!.requests], ["2", 0])
  })

  it("say what is not as expected", () => {
    const read = Reading.counts({ model_stats: [{ name: "m" }] })
    assert.include(Result.isFailure(read) ? read.failure : "", "version")
  })
})

describe("between", () => {
  it("is what came in the meantime, without the sizes that did not occur", () => {
    const later = counts({ batches: { 1: 10, 4: 30, 8: 5 }, queueMicros: 100, failures: 3 })
    assert.deepStrictEqual(
      Reading.between(counts({ batches: { 1: 10, 4: 10 }, queueMicros: 100, failures: 1 }), later),
      counts({ batches: { 4: 20, 8: 5 }, queueMicros: 100, failures: 2 })
    )
  })

  it("is nothing where a counter went back, because the version was loaded again", () => {
    const busy = counts({ batches: { 1: 10, 4: 10 } })
    assert.isUndefined(Reading.between(busy, counts({ batches: { 4: 2 } })))
    assert.isUndefined(Reading.between(busy, counts({ batches: { 1: 100, 4: 9 } })))
    assert.deepStrictEqual(Reading.between(busy, busy)?.requests, 0)
  })
})
