import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as CacheKey from "../../src/layers/cache/internal/CacheKey.ts"
import * as RedisValue from "../../src/layers/cache/internal/RedisValue.ts"
import * as BytesElements from "../../src/schema/BytesElements.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import { job, tensor } from "./FakeScheduler.ts"

const outputs: ReadonlyArray<Tensor> = [
  tensor("A", [1, 2, 3, 4], { datatype: "FP32", shape: [1, 1] }),
  tensor("ß", [], { datatype: "INT64", shape: [0, 7] }),
  { name: "T", datatype: "BYTES", shape: [2], data: BytesElements.encode(["a", ""]) },
  tensor("S", [1], { shape: [] })
]

const keyOf = (of: Partial<Parameters<typeof job>[1] & object> = {}) =>
  CacheKey.scheme({ model: "mödel", version: 1, identity: "i" }).keyOf(
    job([1, 2, 3], { outputs: outputs.map(({ name }) => name), ...of })
  )

describe("RedisValue", () => {
  it("gives back what was written, and when", () => {
    const key = keyOf()
    const value = RedisValue.encode(key, outputs, 1_795_688_002_368)
    assert.strictEqual(value.byteLength, RedisValue.sizeOf(key, outputs))
    // Replies begin anywhere in a larger piece of memory.
    const moved = Buffer.concat([Buffer.alloc(3), value]).subarray(3)
    const decoded = RedisValue.decode(moved, key)!
    assert.deepStrictEqual(decoded.outputs, outputs)
    assert.strictEqual(decoded.writtenAt, 1_795_688_002_368)
    for (const { data } of decoded.outputs) assert.strictEqual(data.byteOffset, 0)
  })

  it("is no answer to another key under the same name", () => {
    const value = RedisValue.encode(keyOf(), outputs, 0)
    for (
      const other of [
        keyOf({ inputs: [tensor("IN", [1, 2, 4])] }),
        keyOf({ inputs: [tensor("IN", [1, 2, 3], { datatype: "INT8" })] }),
        keyOf({ inputs: [tensor("IN", [1, 2, 3, 0])] }),
        keyOf({ outputs: [] })
      ]
    ) assert.isUndefined(RedisValue.decode(value, other))
  })

  it("is no answer when it is cut, or a byte of its frame or key is another", () => {
    const key = keyOf()
    const value = RedisValue.encode(key, outputs, 0)
    for (let length = 0; length < value.byteLength; length++) {
      assert.isUndefined(RedisValue.decode(value.subarray(0, length), key), `${length} bytes`)
    }
    assert.isUndefined(RedisValue.decode(Buffer.concat([value, Buffer.alloc(1)]), key))
    const keyEnd = 24 + Buffer.byteLength(key.head) + 3
    for (let at = 0; at < keyEnd; at++) {
      if (at >= 12 && at < 20) continue // The time of the writing.
      const changed = Buffer.from(value)
      changed[at]! ^= 1
      assert.isUndefined(RedisValue.decode(changed, key), `byte ${at}`)
    }
  })

  it("is no answer without the outputs that were asked for, in their order", () => {
    const key = keyOf()
    for (const wrong of [outputs.slice(1), [...outputs, outputs[0]!], outputs.toReversed()]) {
      assert.isUndefined(RedisValue.decode(RedisValue.encode(key, wrong, 0), key))
    }
  })

  it("never throws, and gives tensors that are whole, whatever Redis holds", () => {
    const key = keyOf()
    const value = RedisValue.encode(key, outputs, 0)
    const begin = 24 + Buffer.byteLength(key.head) + 3
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: begin, max: value.byteLength - 1 }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 8
        }),
        (changes) => {
          const changed = Buffer.from(value)
          for (const [at, byte] of changes) changed[at] = byte
          for (const { data, datatype, shape } of RedisValue.decode(changed, key)?.outputs ?? []) {
            const elements = shape.reduce((product, dimension) => product * dimension, 1)
            if (datatype === "BYTES") assert.strictEqual(BytesElements.count(data), elements)
            else assert.strictEqual(data.byteLength % Math.max(1, elements), 0)
          }
        }
      ),
      { numRuns: 5000 }
    )
  })
})
