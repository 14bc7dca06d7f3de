import { assert, describe, it } from "@effect/vitest"
import * as TextWidth from "../../../src/layers/cli/internal/TextWidth.ts"

describe("TextWidth", () => {
  it("cuts by columns, between what is read as one character", () => {
    assert.strictEqual(TextWidth.cut("日本語", 6), "日本語")
    assert.strictEqual(TextWidth.cut("日本語", 5), "日本…")
    assert.strictEqual(TextWidth.cut("日本語", 4), "日…")
    assert.strictEqual(TextWidth.cut("😀😀😀", 4), "😀…")
    assert.strictEqual(TextWidth.cut("a\u0301".repeat(5), 3), `${"a\u0301".repeat(2)}…`)
    assert.strictEqual(TextWidth.cut("👩\u200d🔬👩\u200d🔬", 3), "👩\u200d🔬…")
  })

  it("breaks into lines by columns, with a line for a character that is wider", () => {
    assert.deepStrictEqual(TextWidth.lines("日本語x", 4), ["日本", "語x"])
    assert.deepStrictEqual(TextWidth.lines("😀😀", 1), ["😀", "😀", ""])
  })
})
