import { assert, describe, it } from "@effect/vitest"
import { bounded } from "../../src/schema/LogSetting.ts"
import { keptBytes, longLength } from "../suites/keptMemory.ts"

describe("a bounded text of the log", () => {
  it("is the text, or its beginning with the number of characters that were cut off", () => {
    assert.strictEqual(bounded("abcd", 4), "abcd")
    assert.strictEqual(bounded("abcde", 4), "abcd… (1 more characters)")
    assert.strictEqual(bounded("abc\u{1f600}e", 4), "abc… (3 more characters)")
  })

  it("keeps nothing of the text that it was cut from", () => {
    assert.isBelow(keptBytes((text) => bounded(text, 1000)), longLength)
  })
})
