import { assert, describe, it } from "@effect/vitest"
import { detached } from "../../src/schema/DetachedText.ts"
import { keptBytes } from "../suites/keptMemory.ts"

describe("DetachedText", () => {
  it("is the same text", () => {
    for (const text of ["", "a", "é€ \ud800 \u{1f600}", "x€".repeat(10_000), "y".repeat(4096), "z".repeat(4097)]) {
      assert.strictEqual(detached(text), text)
    }
  })

  it("keeps nothing of the text that it was cut from", () => {
    assert.isBelow(keptBytes((text) => detached(text.slice(0, 4096))), 1_000_000)
  })
})
