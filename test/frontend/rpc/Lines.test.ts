import { assert, describe, it } from "@effect/vitest"
import { Lines } from "../../../src/layers/frontend/internal/rpc/Lines.ts"

describe("Lines", () => {
  it("gives whole lines, however they are cut", () => {
    const text = "one\ntwo\n\nthree and more\n"
    for (let size = 1; size <= text.length; size++) {
      const lines = new Lines(100)
      let seen = ""
      for (let at = 0; at < text.length; at += size) {
        const given = lines.add(text.slice(at, at + size))
        assert.isTrue(given === "" || given.endsWith("\n"))
        seen += given
      }
      assert.strictEqual(seen, text)
    }
  })

  it("bounds what is kept, and begins afresh", () => {
    const lines = new Lines(4)
    assert.strictEqual(lines.add("1234"), "")
    assert.throws(() => lines.add("5"), "more than 4 characters")
    assert.strictEqual(lines.add("6\n7"), "6\n")
    assert.strictEqual(lines.add("\n"), "7\n")
  })
})
