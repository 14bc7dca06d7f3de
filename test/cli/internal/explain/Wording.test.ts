import { assert, describe, it } from "@effect/vitest"
import * as Wording from "../../../../src/layers/cli/internal/explain/Wording.ts"

describe("Wording", () => {
  it("tells times in the unit that suits them", () => {
    assert.deepStrictEqual(
      [0, 0.32, 9.94, 9.96, 999.4, 999.6, 1234, 999_499, 999_600, 61_000_000, 1e9].map(Wording.time),
      ["0 µs", "0.3 µs", "9.9 µs", "10 µs", "999 µs", "1 ms", "1.2 ms", "999 ms", "1 s", "61 s", "1,000 s"]
    )
  })

  it("tells parts so that something is never nothing, and not all is never all", () => {
    assert.deepStrictEqual([0, 0.001, 0.01, 0.5, 0.999, 1].map(Wording.percent), [
      "0 %",
      "under 1 %",
      "1 %",
      "50 %",
      "99 %",
      "100 %"
    ])
  })

  it("groups digits and counts nouns", () => {
    assert.deepStrictEqual([0, 999, 1000, 1234567].map(Wording.count), ["0", "999", "1,000", "1,234,567"])
    assert.strictEqual(Wording.counted(1, "row"), "1 row")
    assert.strictEqual(Wording.counted(2000, "row"), "2,000 rows")
    assert.strictEqual(Wording.counted(2, "batch"), "2 batches")
  })

  it("lists", () => {
    assert.deepStrictEqual([[], [1], [1, 2], [1, 2, 3]].map((items) => Wording.list(items)), [
      "",
      "1",
      "1 and 2",
      "1, 2 and 3"
    ])
  })
})
