import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"

const megabyte = 1024 * 1024

describe("SharedTensorMemory", () => {
  it("gives shared, aligned memory of exactly the length asked for", () => {
    const memory = SharedTensorMemory.make()
    for (const length of [0, 1, 63, 4096, 4097, 5120, 5121, 602_112, 64 * megabyte, 64 * megabyte + 1]) {
      const region = memory.acquire(length)
      assert.strictEqual(region.bytes.byteLength, length)
      assert.instanceOf(region.bytes.buffer, SharedArrayBuffer)
      assert.strictEqual(region.bytes.byteOffset % 64, 0)
      region.release()
    }
  })

  it("wastes at most a quarter of what was asked for above the smallest class", () => {
    const memory = SharedTensorMemory.make()
    fc.assert(
      fc.property(fc.integer({ min: 4097, max: 64 * megabyte }), (length) => {
        const { buffer } = memory.acquire(length).bytes
        assert.isAtLeast(buffer.byteLength, length)
        assert.isAtMost(buffer.byteLength, Math.ceil(length * 1.25))
      }),
      { numRuns: 200, seed: 1 }
    )
  })

  it("uses what was given back again, for any length of the same class", () => {
    const memory = SharedTensorMemory.make()
    const first = memory.acquire(600_000)
    const { buffer } = first.bytes
    first.release()
    const second = memory.acquire(610_000)
    assert.strictEqual(second.bytes.buffer, buffer)
    assert.strictEqual(second.bytes.byteLength, 610_000)
    assert.notStrictEqual(memory.acquire(610_000).bytes.buffer, buffer)
  })

  it("ignores a second release", () => {
    const memory = SharedTensorMemory.make()
    const region = memory.acquire(10_000)
    region.release()
    region.release()
    assert.strictEqual(memory.usage().inUse, 0)
    assert.notStrictEqual(memory.acquire(10_000).bytes.buffer, memory.acquire(10_000).bytes.buffer)
  })

  it("keeps no memory beyond the largest class", () => {
    const memory = SharedTensorMemory.make()
    const region = memory.acquire(64 * megabyte + 1)
    assert.strictEqual(memory.usage().inUse, 64 * megabyte + 1)
    region.release()
    assert.deepStrictEqual(memory.usage(), { idle: 0, inUse: 0 })
  })

  it("gives up the sizes nobody uses when idle memory reaches its bound", () => {
    const memory = SharedTensorMemory.make({ maxIdleBytes: 3 * megabyte })
    const old = [memory.acquire(megabyte), memory.acquire(megabyte)]
    const recent = memory.acquire(2 * megabyte)
    for (const region of old) region.release()
    recent.release()
    assert.strictEqual(memory.usage().idle, 3 * megabyte)
    assert.strictEqual(memory.acquire(2 * megabyte).bytes.buffer, recent.bytes.buffer)
    assert.strictEqual(memory.usage().idle, megabyte)
  })

  it("never keeps more idle than its bound, and counts what is out exactly", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 300_000 })), { maxLength: 80 }),
        (steps) => {
          const memory = SharedTensorMemory.make({ maxIdleBytes: 500_000 })
          const out = new Map<SharedArrayBuffer, () => void>()
          for (const [give, length] of steps) {
            if (give && out.size > 0) {
              const [buffer, release] = [...out][length % out.size]!
              out.delete(buffer)
              release()
            } else if (length > 0) {
              const region = memory.acquire(length)
              assert.isFalse(out.has(region.bytes.buffer), "handed out twice")
              out.set(region.bytes.buffer, region.release)
            }
            const { idle, inUse } = memory.usage()
            assert.isAtMost(idle, 500_000)
            assert.strictEqual(inUse, [...out.keys()].reduce((sum, buffer) => sum + buffer.byteLength, 0))
          }
        }
      ),
      { numRuns: 300, seed: 2 }
    )
  })

  it.effect("is a layer", () =>
    Effect.gen(function*() {
      const memory = yield* TensorMemory
      memory.acquire(5000).release()
      assert.deepStrictEqual(memory.usage(), { idle: 0, inUse: 0 })
    }).pipe(Effect.provide(SharedTensorMemory.layerWith({ maxIdleBytes: 0 }))))
})
