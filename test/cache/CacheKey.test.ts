import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as CacheKey from "../../src/layers/cache/internal/CacheKey.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { Job } from "../../src/services/Scheduler.ts"
import { job, tensor } from "./FakeScheduler.ts"

const version = { model: "m", version: 1, identity: "i" }
const keyOf = (job: Job, of: typeof version = version) => CacheKey.scheme(of).keyOf(job)

const same = (a: CacheKey.CacheKey, b: CacheKey.CacheKey) => {
  assert.strictEqual(CacheKey.equals(a, b), CacheKey.digest(a) === CacheKey.digest(b))
  if (CacheKey.equals(a, b)) assert.strictEqual(a.hash, b.hash)
  return CacheKey.equals(a, b)
}

describe("CacheKey", () => {
  it("is the same for the same request, in whatever order its inputs come", () => {
    const inputs = [tensor("B", [1]), tensor("A", [2, 3]), tensor("\u{1f600}", [4]), tensor("", [])]
    assert.isTrue(same(keyOf(job([], { inputs })), keyOf(job([], { inputs: inputs.toReversed() }))))
  })

  it("does not depend on how urgent a request is", () => {
    assert.isTrue(same(
      keyOf(job([1])),
      keyOf(job([1], { priority: 3, timeoutMicros: 5, deadlineMicros: 7 }))
    ))
  })

  it.each<[string, Partial<Job>]>([
    ["bytes", { inputs: [tensor("IN", [1, 3])] }],
    ["shape", { inputs: [tensor("IN", [1, 2], { shape: [1, 2] })] }],
    ["datatype", { inputs: [tensor("IN", [1, 2], { datatype: "INT8" })] }],
    ["name", { inputs: [tensor("IM", [1, 2])] }],
    ["another input", { inputs: [tensor("IN", [1, 2]), tensor("JN", [])] }],
    ["outputs", { outputs: ["OUT", "OUT2"] }],
    ["no outputs", { outputs: [] }]
  ])("tells requests apart by %s", (_, change) => {
    assert.isFalse(same(keyOf(job([1, 2])), keyOf(job([1, 2], change))))
  })

  it("tells models, versions and their contents apart", () => {
    const others = [
      { ...version, model: "n" },
      { ...version, version: 2 },
      { ...version, identity: "j" },
      { model: "m1", version: 1, identity: "i" },
      { model: "m", version: 11, identity: "i" }
    ]
    for (const other of others) assert.isFalse(same(keyOf(job([1])), keyOf(job([1]), other)))
  })

  it("says nothing by its hash alone", () => {
    const one = keyOf(job([1]))
    const forged = { ...keyOf(job([2])), hash: one.hash }
    assert.isFalse(CacheKey.equals(one, forged))
    assert.isFalse(CacheKey.equals(one, { ...forged, head: one.head }))
  })

  it("is equal for two requests only if they are equal, however names and bytes run together", () => {
    // Texts out of what the key is written with, so that a missing length would show.
    const name = fc.string({ unit: fc.constantFrom("1", ":", ";", "[", "]", ",", "A", "UINT8"), maxLength: 4 })
    const input = fc.record({
      name,
      datatype: fc.constantFrom("UINT8" as const, "INT8" as const),
      data: fc.uint8Array({ maxLength: 3 }),
      shape: fc.array(fc.constantFrom(0, 1, 11), { maxLength: 2 })
    })
    const request = fc.record({
      model: name,
      version: fc.constantFrom(1, 11, 111),
      identity: name,
      inputs: fc.uniqueArray(input, { selector: ({ name }) => name, maxLength: 3 }),
      outputs: fc.array(name, { maxLength: 3 })
    })
    type Request = typeof request extends fc.Arbitrary<infer A> ? A : never
    const canonical = ({ identity, inputs, model, outputs, version }: Request) =>
      JSON.stringify([
        model,
        version,
        identity,
        outputs,
        inputs.toSorted((a, b) => a.name < b.name ? -1 : 1).map((one: Tensor) => [
          one.name,
          one.datatype,
          one.shape,
          Array.from(one.data)
        ])
      ])
    const keyOfRequest = (of: Request) => keyOf(job([], { inputs: of.inputs, outputs: of.outputs }), of)
    fc.assert(
      fc.property(fc.array(request, { minLength: 2, maxLength: 30 }), (requests) => {
        for (const a of requests) {
          for (const b of requests) {
            assert.strictEqual(same(keyOfRequest(a), keyOfRequest(b)), canonical(a) === canonical(b))
          }
        }
      })
    )
  })
})
