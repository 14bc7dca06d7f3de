import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { explain } from "../../../../src/layers/cli/internal/explain/Explanation.ts"
import { counts, settings } from "./Readings.ts"

const titles = (sections: ReadonlyArray<{ readonly title: string }>) => sections.map(({ title }) => title)

describe("explain", () => {
  it("says what was counted, then batcher, batches, waiting and what to change", () => {
    const { complete, sections, title } = explain(settings(), counts({ batches: { 4: 500 }, failures: 2 }), undefined)
    assert.isTrue(complete)
    assert.strictEqual(title, "m version 1: 2,000 requests and 2 failed since it was loaded")
    assert.deepStrictEqual(titles(sections), ["Batcher", "Batches", "Waiting", "What to change"])
  })

  it("tells the rate of a length of time", () => {
    const { title } = explain(settings(), counts({ batches: { 4: 50 } }), 2)
    assert.strictEqual(title, "m version 1: 200 requests in 2 s, 100 a second")
  })

  it("says when nothing stands out, and how to see more", () => {
    const last = (seconds: number | undefined) =>
      explain(settings(), counts({ batches: { 4: 50 } }), seconds).sections.at(-1)?.sentences.join(" ")
    assert.include(
      last(undefined),
      "Nothing stands out. Whether instances are busy all the time shows with --seconds 10."
    )
    assert.strictEqual(last(2), "Nothing stands out.")
  })

  it("has nothing to explain without a request", () => {
    for (
      const [seconds, title, advice] of [[undefined, "since it was loaded", "Send it some"], [
        3,
        "in 3 s",
        "Ask again"
      ]] as const
    ) {
      const one = explain(settings(), counts({ batches: {} }), seconds)
      assert.isFalse(one.complete)
      assert.strictEqual(one.title, `m version 1: no request ${title}`)
      assert.deepStrictEqual(titles(one.sections), ["Batcher", "Nothing to explain"])
      assert.include(one.sections[1]!.sentences[0], advice)
    }
  })

  it("leaves the batches of an ensemble to its models", () => {
    const ensemble = settings({ dynamic: undefined, more: { ensemble_scheduling: { step: [{ model_name: "a" }] } } })
    assert.deepStrictEqual(titles(explain(ensemble, counts({ batches: { 1: 5 } }), 1).sections), [
      "Batcher",
      "Waiting",
      "What to change"
    ])
  })

  it("makes whole sentences of any figures", () => {
    const size = fc.integer({ min: 1, max: 8 })
    fc.assert(fc.property(
      fc.record({
        batches: fc.dictionary(size.map(String), fc.integer({ min: 1, max: 1_000_000 })),
        queueMicros: fc.double({ min: 0, max: 1e7, noNaN: true }),
        computeMicros: fc.double({ min: 0, max: 1e7, noNaN: true }),
        failures: fc.nat()
      }),
      fc.record({
        maxBatchSize: fc.constantFrom(0, 1, 8),
        instances: fc.integer({ min: 1, max: 9 }),
        dynamic: fc.option(
          fc.record({ preferred_batch_size: fc.array(size), max_queue_delay_microseconds: fc.nat() }),
          { nil: undefined }
        )
      }),
      fc.option(fc.double({ min: 0.001, max: 1e5, noNaN: true }), { nil: undefined }),
      (traffic, options, seconds) => {
        for (const { sentences } of explain(settings(options), counts(traffic), seconds).sections) {
          assert.isAbove(sentences.length, 0)
          for (const sentence of sentences) {
            assert.match(sentence, /^[A-Z0-9`a-z].*\.$/)
            assert.notMatch(sentence, /NaN|Infinity|undefined|-\d/)
          }
        }
      }
    ))
  })
})
