import { assert, describe, it } from "@effect/vitest"
import * as Frames from "../../../src/layers/frontend/internal/rpc/Frames.ts"

describe("Frames", () => {
  it("are complete where the last one ends with the body", () => {
    const long = new Uint8Array(2 + 300)
    long.set([0xac, 0x02])
    for (const body of [[], [1, 9], [1, 9, 2, 8, 8], [0x81, 0x00, 9], [...long]]) {
      assert.isTrue(Frames.areComplete(Uint8Array.from(body)), String(body))
    }
  })

  it("are not where one is cut, in its length or behind it, or has a length that no body has", () => {
    const endless = new Array(64).fill(0x80)
    for (
      const body of [[2, 9], [1, 9, 3, 8, 8], [0x80], [1, 9, 0x81], endless, [...endless, 1], new Array(64).fill(255)]
    ) {
      assert.isFalse(Frames.areComplete(Uint8Array.from(body)), String(body))
    }
  })
})
