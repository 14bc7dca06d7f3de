import { assert, describe, it } from "@effect/vitest"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { detached } from "../../src/schema/DetachedText.ts"

const length = 16_000_000

/** The first characters of twenty long texts, and how many bytes more are kept for them. */
const kept = (cut: (text: string) => string): { readonly texts: ReadonlyArray<string>; readonly bytes: number } => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  const held = () => {
    collect()
    const { external, heapUsed } = process.memoryUsage()
    return heapUsed + external
  }
  const before = held()
  const texts = Array.from({ length: 20 }, (_, i) => cut(Buffer.alloc(length, 97 + i).toString("latin1")))
  return { texts, bytes: held() - before }
}

describe("DetachedText", () => {
  it("is the same text", () => {
    for (const text of ["", "a", "é€ \ud800 \u{1f600}", "x€".repeat(10_000), "y".repeat(4096), "z".repeat(4097)]) {
      assert.strictEqual(detached(text), text)
    }
  })

  it("keeps nothing of the text that it was cut from", () => {
    const { bytes, texts } = kept((text) => detached(text.slice(0, 4096)))
    assert.deepStrictEqual(texts.map((text) => text.length), Array.from({ length: 20 }, () => 4096))
    assert.isBelow(bytes, 1_000_000)
  })
})
