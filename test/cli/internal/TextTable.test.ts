import { assert, describe, it } from "@effect/vitest"
import { CliOutput } from "effect/cli"
import * as TextTable from "../../../src/layers/cli/internal/TextTable.ts"

describe("TextTable", () => {
  it("is as wide as its cells", () => {
    assert.strictEqual(
      TextTable.render(["A", "Long"], [["aaa", "b"], ["ファイル", ""]], undefined),
      "+----------+------+\n" +
        "| A        | Long |\n" +
        "+----------+------+\n" +
        "| aaa      | b    |\n" +
        "| ファイル |      |\n" +
        "+----------+------+\n"
    )
  })

  it("breaks the last column where the terminal ends", () => {
    const text = TextTable.render(["A", "Reason"], [["x", "some words that do not fit one line"]], 30)
    for (const line of text.trimEnd().split("\n")) {
      assert.isAtMost(line.length, 30)
    }
    assert.include(text, "| x | some words that do")
  })

  it("breaks by the columns that text takes, and never inside a character", () => {
    const text = TextTable.render(["A", "Reason"], [["x", "日本語".repeat(8)], ["y", "😀".repeat(15)]], 30)
    assert.notInclude(text, "\ufffd")
    assert.isTrue(text.isWellFormed())
    for (const line of text.trimEnd().split("\n")) assert.strictEqual(CliOutput.displayWidth(line), 30)
  })

  it("keeps cells in their place whatever they hold", () => {
    const text = TextTable.render(["A", "B"], [["a\nb\x1b[2J", "c\u202e"]], undefined)
    assert.include(text, "| a\\nb\\u001b[2J | c\\u202e |\n")
  })

  it("breaks words that are longer than a line", () => {
    const text = TextTable.render(["A"], [["x".repeat(45)]], 24)
    assert.include(text, `| ${"x".repeat(20)} |\n| ${"x".repeat(20)} |\n| ${"x".repeat(5)}`)
  })
})
