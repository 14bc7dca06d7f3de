import { assert, describe, it } from "@effect/vitest"
import * as Visible from "../../../src/layers/cli/internal/Visible.ts"

describe("Visible", () => {
  it("shows what a terminal would act on, and what turns the direction of text", () => {
    for (const code of [0x00, 0x07, 0x08, 0x0b, 0x0d, 0x1b, 0x7f, 0x80, 0x9b, 0x9f, 0x2028, 0x2029, 0x202a, 0x202e]) {
      const hex = code.toString(16).padStart(4, "0")
      assert.strictEqual(Visible.text(`a${String.fromCharCode(code)}b`), `a\\u${hex}b`)
    }
    assert.strictEqual(Visible.text("\u2066a\u2069"), "\\u2066a\\u2069")
  })

  it("leaves lines, tabs, letters of any script and emoji as they are", () => {
    for (const text of ["one\r\ntwo\n\tthree", "日本語 é עברית", "👩\u200d🔬"]) {
      assert.strictEqual(Visible.text(text), text)
    }
  })

  it("keeps a line on its line", () => {
    assert.strictEqual(Visible.line("a\r\nb\tc\u001b[2J"), "a\\r\\nb\\tc\\u001b[2J")
  })

  it("lets the command line's own control sequences through, and those of nobody else", () => {
    assert.strictEqual(Visible.toTerminal(`${Visible.control("[1m")}\x1b[31mx`), "\x1b[1m\\u001b[31mx")
  })
})
