import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ByteCopy from "../src/layers/ByteCopy.ts"

const memories = [(size: number) => new ArrayBuffer(size), (size: number) => new SharedArrayBuffer(size)]

describe("ByteCopy", () => {
  it("copies whole arrays and parts, and touches nothing beside them", () => {
    fc.assert(fc.property(
      fc.nat(300),
      fc.nat(300),
      fc.nat(9),
      fc.nat(9),
      fc.constantFrom(...memories),
      fc.constantFrom(...memories),
      (before, length, behind, at, from, to) => {
        const source = new Uint8Array(from(1 + before + length + behind), 1).map((_, i) => i % 251 + 1)
        const shared = new Uint8Array(from(source.length + 1), 1)
        shared.set(source)
        const target = new Uint8Array(to(source.length + at + 5))
        const padding = (filled: number) => [...target.subarray(0, at), ...target.subarray(at + filled)]

        assert.strictEqual(ByteCopy.part(shared, before, before + length, target, at), at + length)
        assert.deepStrictEqual([...target.subarray(at, at + length)], [...source.subarray(before, before + length)])
        assert.isTrue(padding(length).every((byte) => byte === 0))

        assert.strictEqual(ByteCopy.whole(shared, target, at), at + source.length)
        assert.deepStrictEqual([...target.subarray(at, at + source.length)], [...source])
        assert.isTrue(padding(source.length).every((byte) => byte === 0))
      }
    ))
  })
})
