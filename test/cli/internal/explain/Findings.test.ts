import { assert, describe, it } from "@effect/vitest"
import { batcher, batches, waiting } from "../../../../src/layers/cli/internal/explain/Findings.ts"
import { factsOf, settings } from "./Readings.ts"

describe("batcher", () => {
  it("says how batches form", () => {
    assert.deepStrictEqual(batcher(settings()), [
      "Dynamic batching puts requests together, up to 8 rows a batch.",
      "It never waits for more requests: a batch leaves as soon as an instance is free."
    ])
    const dynamic = { preferred_batch_size: [4, 8], max_queue_delay_microseconds: 1500, preserve_ordering: true }
    assert.deepStrictEqual(batcher(settings({ dynamic })), [
      "Dynamic batching puts requests together, up to 8 rows a batch.",
      "It prefers batches of 4 or 8 rows.",
      "A batch that could be larger waits up to 1.5 ms for more requests.",
      "Answers leave in the order in which the requests came."
    ])
  })

  it("says why none form", () => {
    const first = (...options: Parameters<typeof settings>) => batcher(settings(...options)).join(" ")
    assert.include(first({ dynamic: undefined }), "Dynamic batching is off: each request runs by itself, although")
    assert.include(first({ dynamic: undefined, maxBatchSize: 0 }), "takes no batches (max_batch_size is 0)")
    assert.include(first({ dynamic: undefined, more: { sequence_batching: {} } }), "Sequence batching is on")
    const step = [{ model_name: "a" }, { model_name: "b" }]
    assert.include(
      first({ dynamic: undefined, more: { ensemble_scheduling: { step } } }),
      "ask about its models: a and b."
    )
  })
})

describe("batches", () => {
  it("are told by how full they are, by size, and by preference", () => {
    const dynamic = { preferred_batch_size: [4, 8] }
    assert.deepStrictEqual(batches(factsOf({ dynamic }, { batches: { 1: 50, 2: 100, 4: 300, 6: 50 } })), [
      "500 executions took 1,750 rows: 3.5 on average, 44 % of the 8 that fit.",
      "By size: 10 % of 1 row, 20 % of 2 rows, 60 % of 4 rows, 10 % of 6 rows.",
      "60 % of the batches had a preferred size."
    ])
  })

  it("of many sizes are told by the four most common ones", () => {
    const [, sizes] = batches(factsOf({}, { batches: { 1: 5, 2: 10, 3: 15, 4: 5, 5: 20, 8: 45 } }))
    assert.strictEqual(
      sizes,
      "By size: 10 % of 2 rows, 15 % of 3 rows, 20 % of 5 rows, 45 % of 8 rows, 10 % of other sizes."
    )
  })

  it("of a preferred size may be missing", () => {
    const told = batches(factsOf({ dynamic: { preferred_batch_size: [8] } }, { batches: { 1: 5 } }))
    assert.strictEqual(told.at(-1), "None of the batches had a preferred size.")
  })

  it("of a model without a batch dimension have no size to speak of", () => {
    assert.deepStrictEqual(batches(factsOf({ maxBatchSize: 0, dynamic: undefined }, { batches: { 1: 5 } })), [
      "5 executions took 5 rows: 1 on average."
    ])
  })

  it("may not have been run at all", () => {
    assert.deepStrictEqual(batches(factsOf({}, { batches: {}, failures: 3 })), ["No batch was run."])
  })
})

describe("waiting", () => {
  const told = (...parameters: Parameters<typeof factsOf>) => waiting(factsOf(...parameters))

  it("is told with the three parts of the run", () => {
    assert.deepStrictEqual(told({}, { batches: { 2: 10 }, queueMicros: 50 }), [
      "A request waited 50 µs and computed 1 ms (input 100 µs, model 800 µs, output 100 µs): it hardly waits."
    ])
  })

  it("is put down to the delay where it is no longer than that and instances have time", () => {
    const dynamic = { max_queue_delay_microseconds: 500 }
    const traffic = { batches: { 2: 10 }, queueMicros: 500 }
    const delay = "33 % of its time was waiting, for others to join its batch (max_queue_delay_microseconds: 500)."
    assert.include(told({ dynamic }, traffic)[0], delay)
    assert.include(told({ dynamic }, traffic, 1)[0], delay)
    assert.include(
      told({ dynamic }, { ...traffic, queueMicros: 900 })[0],
      "longer than max_queue_delay_microseconds (500)"
    )
    assert.include(
      told({ dynamic }, { ...traffic, batches: { 8: 10 } })[0],
      "mostly for the one instance to become free."
    )
  })

  it("is put down to the instances where they are busy, or where there is no delay", () => {
    const traffic = { batches: { 2: 1000 }, queueMicros: 500 }
    assert.deepStrictEqual(told({ instances: 2 }, traffic, 0.5), [
      "A request waited 500 µs and computed 1 ms (input 100 µs, model 800 µs, output 100 µs): 33 % of its time was waiting, " +
      "for one of 2 instances to become free.",
      "Its 2 instances computed 100 % of the time."
    ])
    assert.include(
      told({ dynamic: { max_queue_delay_microseconds: 500 } }, traffic, 1)[0],
      "for the one instance to become free."
    )
    assert.include(
      told({}, traffic, 10).join(" "),
      "mostly for the one instance to become free. Its one instance computed 10 %"
    )
  })

  it("has no figures without a request that succeeded", () => {
    assert.deepStrictEqual(told({}, { batches: {}, failures: 3 }), [
      "No request succeeded, so there are no times to tell of."
    ])
  })
})
