import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as SmallMemory from "../../src/layers/frontend/internal/SmallMemory.ts"

describe("SmallMemory", () => {
  it("gives memory that is aligned where it is asked for, and nobody else's", () => {
    const length = fc.nat(SmallMemory.largest)
    const asked = length.chain((length) => fc.tuple(fc.constant(length), fc.nat(length)))
    fc.assert(fc.property(fc.array(asked, { maxLength: 200 }), (all) => {
      const taken = all.map(([length, place]) => SmallMemory.take(length, place))
      for (const [i, bytes] of taken.entries()) bytes.fill(i)
      for (const [i, bytes] of taken.entries()) {
        assert.strictEqual(bytes.length, all[i]![0])
        assert.strictEqual((bytes.byteOffset + all[i]![1]) % 8, 0)
        assert.isTrue(bytes.every((byte) => byte === i % 256))
      }
    }))
  })

  it("cannot be moved to another thread, which would take the pieces of others along", () => {
    const { buffer } = SmallMemory.take(16)
    const { port1 } = new MessageChannel()
    assert.throws(() => port1.postMessage(buffer, [buffer]), "Cannot transfer")
    port1.close()
  })
})
