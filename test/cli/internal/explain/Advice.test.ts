import { assert, describe, it } from "@effect/vitest"
import { advice } from "../../../../src/layers/cli/internal/explain/Advice.ts"
import { factsOf } from "./Readings.ts"

const advised = (...parameters: Parameters<typeof factsOf>) => advice(factsOf(...parameters))

/** One sentence alone is given, and holds these words. */
const only = (sentences: ReadonlyArray<string>, ...words: ReadonlyArray<string>) => {
  assert.strictEqual(sentences.length, 1, sentences.join("\n"))
  for (const word of words) assert.include(sentences[0], word)
}

const none = (sentences: ReadonlyArray<string>) => assert.deepStrictEqual(sentences, [])

describe("advice", () => {
  it("is not given to a model that is well off", () => {
    none(advised({}, { batches: { 4: 100, 8: 20 }, queueMicros: 300 }))
    none(advised({}, { batches: { 4: 100 }, queueMicros: 300 }, 0.2))
    none(advised({ dynamic: undefined }, { batches: { 1: 100 }, queueMicros: 20 }))
    none(advised({ dynamic: undefined, maxBatchSize: 0 }, { batches: { 1: 100 }, queueMicros: 200 }))
  })

  it("is to switch batching on where requests wait", () => {
    only(
      advised({ dynamic: undefined }, { batches: { 1: 100 }, queueMicros: 3000 }),
      "wait 75 % of their time for a model that could run 8 rows at once",
      "`dynamic_batching { }`"
    )
  })

  it("is to allow batches where requests wait and none can form", () => {
    only(
      advised({ dynamic: undefined, maxBatchSize: 0 }, { batches: { 1: 100 }, queueMicros: 3000 }),
      "`max_batch_size`",
      "`count` in instance_group"
    )
  })

  it("is to drop a delay that brings no batches, with its price", () => {
    const dynamic = { max_queue_delay_microseconds: 500 }
    only(
      advised({ dynamic }, { batches: { 1: 100 }, queueMicros: 510 }),
      "Every batch held one request",
      "costs 510 µs a request and buys nothing",
      "`max_queue_delay_microseconds: 0`"
    )
    none(advised({ dynamic }, { batches: { 1: 100 }, queueMicros: 510, computeMicros: 100_000 }))
  })

  it("is a delay for requests that come one by one, in proportion to the run", () => {
    only(
      advised({}, { batches: { 2: 100 }, rowsPerRequest: 2, queueMicros: 10 }),
      "they come one by one",
      "`max_queue_delay_microseconds: 200`"
    )
    only(advised({}, { batches: { 1: 100 }, computeMicros: 50 }), "`max_queue_delay_microseconds: 100`")
    only(advised({}, { batches: { 1: 100 }, computeMicros: 33_000 }), "`max_queue_delay_microseconds: 7000`")
  })

  it("is equal shapes where requests wait for each other and never share a batch", () => {
    only(
      advised({}, { batches: { 5: 100 }, rowsPerRequest: 5, queueMicros: 4000 }),
      "do not fit together",
      "two fit into max_batch_size (8)"
    )
  })

  it("is a larger max_batch_size where each request fills a batch", () => {
    only(
      advised({}, { batches: { 8: 100 }, rowsPerRequest: 8, queueMicros: 10 }),
      "Each request fills a batch",
      "`max_batch_size`"
    )
  })

  it("is more room where batches are full and requests still wait", () => {
    only(
      advised({}, { batches: { 7: 10, 8: 90 }, queueMicros: 5000 }),
      "Batches are full (7.9 rows of 8)",
      "`max_batch_size`",
      "`count`"
    )
    none(advised({}, { batches: { 8: 100 }, queueMicros: 500 }))
  })

  it("is to lower a delay that is much of an answer's time", () => {
    const dynamic = { max_queue_delay_microseconds: 1000 }
    only(
      advised({ dynamic }, { batches: { 2: 100 }, queueMicros: 900 }),
      "max_queue_delay_microseconds (1 ms) is 47 % of an answer's time and brings batches of 2 rows"
    )
    none(advised({ dynamic }, { batches: { 2: 100 }, queueMicros: 900, computeMicros: 9000 }))
  })

  it("is to drop preferred sizes that never occur, once enough batches were seen", () => {
    const preferred_batch_size = [4, 8]
    const delayed = { preferred_batch_size, max_queue_delay_microseconds: 100 }
    only(
      advised({ dynamic: delayed }, { batches: { 2: 10, 3: 10 }, queueMicros: 90 }),
      "None of 20 batches reached a preferred size (4 or 8 rows; the largest had 3), so each may have waited 100 µs",
      "`preferred_batch_size`"
    )
    only(
      advised({ dynamic: delayed }, { batches: { 2: 10, 4: 10 }, queueMicros: 90 }),
      "None of 20 batches had 8 rows",
      "take it out of `preferred_batch_size`, or raise `max_queue_delay_microseconds`"
    )
    only(
      advised({ dynamic: { preferred_batch_size } }, { batches: { 2: 20 } }),
      "None of 20 batches had 4 or 8 rows",
      "take them out of `preferred_batch_size`, or let batches wait for more with `max_queue_delay_microseconds`"
    )
    none(advised({ dynamic: { preferred_batch_size } }, { batches: { 2: 19 } }))
    only(advised({ dynamic: { preferred_batch_size } }, { batches: { 1: 20 } }), "they come one by one")
    none(advised({ dynamic: { preferred_batch_size } }, { batches: { 4: 10, 8: 10 } }))
  })

  it("is more instances where all are busy all the time, which only a length of time tells", () => {
    const traffic = { batches: { 4: 950 }, queueMicros: 1000 }
    only(
      advised({}, traffic, 1),
      "The one instance computes all the time (95 %)",
      "`count` in instance_group",
      "Fuller batches do more in the same time"
    )
    only(advised({ instances: 2 }, traffic, 0.5), "All 2 instances compute all the time (95 %)")
    assert.notInclude(advised({}, { ...traffic, batches: { 8: 950 } }, 1)[0], "Fuller batches")
    none(advised({}, traffic, 1.1))
    none(advised({}, traffic))
  })

  it("is fewer instances where most are idle", () => {
    only(
      advised({ instances: 4 }, { batches: { 2: 100 } }, 1),
      "4 instances compute 3 % of the time",
      "`count: 1` in instance_group"
    )
    const [delay, instances] = advised({ instances: 4 }, { batches: { 1: 100 } }, 1)
    assert.include(delay, "one by one")
    assert.include(instances, "each request gets one of its own and batches never form")
    none(advised({ instances: 4 }, { batches: { 2: 1200 } }, 1))
    none(advised({ instances: 1 }, { batches: { 2: 100 } }, 1))
  })

  it("is to give up an order that holds answers back", () => {
    const dynamic = { preserve_ordering: true }
    only(advised({ dynamic, instances: 2 }, { batches: { 2: 10 } }), "`preserve_ordering: false`")
    none(advised({ dynamic }, { batches: { 2: 10 } }))
  })

  it("names failures first, and is not misled by a model of which nothing succeeds", () => {
    only(advised({}, { batches: { 2: 10 }, failures: 5 }), "5 requests of 25 failed", "`default_queue_policy`")
    only(
      advised({ dynamic: { max_queue_delay_microseconds: 9 } }, { batches: {}, failures: 1 }),
      "1 request of 1 failed"
    )
  })
})

it("judges nothing by a few requests", () => {
  const few = factsOf({}, { batches: { 1: 3 }, queueMicros: 3000 })
  assert.deepStrictEqual(advice(few), [
    "3 requests are too few to judge the settings by. Ask again under the usual load."
  ])
  assert.notInclude(advice(factsOf({}, { batches: { 1: 20 }, queueMicros: 3000 })).join(" "), "too few")
})
