import { assert, describe, it } from "@effect/vitest"
import * as BytesElements from "../../src/schema/BytesElements.ts"

describe("BytesElements", () => {
  const data = Uint8Array.of(2, 0, 0, 0, 65, 66, 0, 0, 0, 0, 1, 0, 0, 0, 67)

  it("finds where elements end, and counts them", () => {
    assert.deepStrictEqual([0, 1, 2, 3].map((count) => BytesElements.skip(data, 0, count)), [0, 6, 10, 15])
    assert.strictEqual(BytesElements.skip(data, 6, 2), 15)
    assert.strictEqual(BytesElements.count(data), 3)
    assert.strictEqual(BytesElements.count(data, 6), 2)
    assert.strictEqual(BytesElements.count(new Uint8Array()), 0)
  })

  it("reads lengths of all 32 bits", () => {
    assert.strictEqual(BytesElements.lengthAt(Uint8Array.of(0, 255, 254, 253, 252), 1), 0xfcfdfeff)
  })
})
