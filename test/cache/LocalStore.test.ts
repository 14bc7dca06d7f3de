import { assert, describe, it } from "@effect/vitest"
import * as CacheKey from "../../src/layers/cache/internal/CacheKey.ts"
import { LocalStore, sizeOf } from "../../src/layers/cache/internal/LocalStore.ts"
import { job, tensor } from "./FakeScheduler.ts"

const scheme = CacheKey.scheme({ model: "m", version: 1, identity: "i" })
const keyOf = (...values: ReadonlyArray<number>) => scheme.keyOf(job(values))
const out = (...values: ReadonlyArray<number>) => [tensor("OUT", values)]
const each = sizeOf(keyOf(1), out(1))

const store = (entries: number, ttlNanos = Infinity) => new LocalStore({ capacity: entries * each, ttlNanos })
const found = (of: LocalStore, value: number, now = 0) => of.lookup(keyOf(value), now)?.map(({ data }) => [...data])

describe("LocalStore", () => {
  it("gives back what was put in, as a copy that begins where any element type may", () => {
    const one = store(9)
    const input = tensor("IN", [1, 2, 3])
    const outputs = [tensor("A", [1, 2, 3]), tensor("B", [4, 5], { shape: [1, 2], datatype: "INT8" }), tensor("C", [])]
    const key = scheme.keyOf(job([], { inputs: [input] }))
    assert.strictEqual(one.insert(key, outputs, 0)._tag, "Inserted")
    const expected = structuredClone(outputs)
    outputs[0]!.data.fill(9)
    const answer = one.lookup(key, 0)!
    assert.deepStrictEqual(answer, expected)
    for (const { data } of answer) assert.strictEqual(data.byteOffset % 8, 0)
    input.data.fill(0)
    assert.isUndefined(one.lookup(key, 0), "the key that was put in is a copy too")
  })

  it("finds nothing by the hash alone", () => {
    const one = store(9)
    const key = keyOf(1)
    one.insert(key, out(1), 0)
    const forged = { ...keyOf(2), hash: key.hash }
    assert.isUndefined(one.lookup(forged, 0))
    one.insert(forged, out(2), 0)
    assert.isUndefined(one.lookup(key, 0), "the later one has its place")
    assert.deepStrictEqual(one.lookup(forged, 0)?.map(({ data }) => [...data]), [[2]])
    assert.strictEqual(one.usage().entries, 1)
    assert.strictEqual(one.usage().bytes, each)
  })

  it("drops the least recently used ones, and only as many as it must", () => {
    const one = store(3)
    for (const value of [1, 2, 3]) one.insert(keyOf(value), out(value), 0)
    assert.strictEqual(one.usage().bytes, 3 * each)
    assert.deepStrictEqual(found(one, 1), [[1]])
    one.insert(keyOf(2), out(2), 0)
    one.insert(keyOf(4), out(4), 0)
    assert.isUndefined(found(one, 3))
    for (const value of [1, 2, 4]) assert.deepStrictEqual(found(one, value), [[value]])
    const { bytes, entries, evictions, hits, lookups } = one.usage()
    assert.deepStrictEqual({ bytes, entries, evictions, hits, lookups }, {
      bytes: 3 * each,
      entries: 3,
      evictions: 1,
      hits: 4,
      lookups: 5
    })
  })

  it("never goes beyond its budget", () => {
    const one = store(10)
    for (let i = 0; i < 300; i++) {
      one.insert(keyOf(i), out(...Array.from({ length: i * 37 % 5000 }, () => i % 256)), 0)
      const { bytes, capacity } = one.usage()
      assert.isAtMost(bytes, capacity)
    }
    assert.isAbove(one.usage().entries, 1)
  })

  it("keeps the first of two answers to the same key", () => {
    const one = store(9)
    one.insert(keyOf(1), out(1), 0)
    assert.strictEqual(one.insert(keyOf(1), out(2), 0)._tag, "Exists")
    assert.deepStrictEqual(found(one, 1), [[1]])
  })

  it("says what is larger than all of it, and copies nothing of it", () => {
    const one = new LocalStore({ capacity: 200, ttlNanos: Infinity })
    assert.deepStrictEqual(one.insert(keyOf(1), out(1), 0), {
      _tag: "Failed",
      reason: "larger than the cache",
      message: `Requested byte_size: ${each} is greater than total cache size: 200`
    })
    assert.strictEqual(one.usage().entries, 0)
    const almost = new LocalStore({ capacity: 2 * each, ttlNanos: Infinity })
    almost.insert(keyOf(1), out(1), 0)
    almost.insert(keyOf(2), out(...Array.from({ length: 2 * each }, () => 0)), 0)
    assert.deepStrictEqual(found(almost, 1), [[1]], "nothing had to go for it")
  })

  it("forgets an entry when its time is over, and takes another in its place", () => {
    const one = store(9, 100)
    one.insert(keyOf(1), out(1), 50)
    assert.deepStrictEqual(found(one, 1, 149), [[1]])
    assert.isUndefined(found(one, 1, 150))
    assert.strictEqual(one.usage().bytes, 0)
    one.insert(keyOf(1), out(2), 150)
    one.insert(keyOf(1), out(3), 250)
    assert.deepStrictEqual(found(one, 1, 349), [[3]])
    one.insert(keyOf(2), out(2), 100, 70)
    assert.isUndefined(found(one, 2, 130), "its time began before it came here")
    assert.strictEqual(one.usage().evictions, 0)
  })
})
