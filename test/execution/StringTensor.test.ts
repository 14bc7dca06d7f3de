import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as StringTensor from "../../src/layers/execution/internal/StringTensor.ts"

const prefixed = (...elements: ReadonlyArray<ReadonlyArray<number>>) =>
  Uint8Array.from(elements.flatMap((bytes) => [bytes.length, 0, 0, 0, ...bytes]))

describe("StringTensor", () => {
  it("gives any text back as it was", () => {
    const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0") && value.isWellFormed())
    fc.assert(
      fc.property(fc.array(text), (elements) => {
        assert.deepStrictEqual(StringTensor.decode("X", StringTensor.encode(elements), elements.length), elements)
      }),
      { numRuns: 300, seed: 3 }
    )
  })

  it("reads shared memory", () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(64), 8, 10)
    bytes.set(StringTensor.encode(["é", ""]))
    assert.deepStrictEqual(StringTensor.decode("X", bytes, 2), ["é", ""])
  })

  it("accepts the replacement character where the text has it", () => {
    assert.deepStrictEqual(StringTensor.decode("X", StringTensor.encode(["a\uFFFDb"]), 1), ["a\uFFFDb"])
  })

  for (
    const [what, bytes, count, message] of [
      ["a NUL byte", prefixed([65], [66, 0, 67]), 2, "element 1 of BYTES input 'X' contains a NUL byte"],
      ["invalid UTF-8", prefixed([0xff]), 1, "element 0 of BYTES input 'X' is not valid UTF-8"],
      ["half a character", prefixed([0xc3]), 1, "element 0 of BYTES input 'X' is not valid UTF-8"],
      ["a length beyond the end", Uint8Array.of(9, 0, 0, 0, 65), 1, "element 0 of BYTES input 'X' announces 9 bytes"],
      ["too few elements", prefixed([65]), 2, "element 1 of BYTES input 'X' is missing"],
      ["bytes after the last", prefixed([65], [66]), 1, "BYTES input 'X' has 5 bytes after its 1 elements"]
    ] as const
  ) {
    it(`refuses ${what}, naming tensor and element`, () => {
      assert.throws(() => StringTensor.decode("X", bytes, count), StringTensor.InvalidElement, message)
    })
  }
})
