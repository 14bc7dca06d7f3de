import { assert, describe, it } from "@effect/vitest"
import { CallList } from "../../../src/layers/frontend/internal/http/CallList.ts"

describe("CallList", () => {
  it("keeps the order of arrival, whoever leaves first", () => {
    const calls = new CallList<string>()
    for (const call of ["a", "b", "c", "d"]) calls.add(call)
    calls.delete("b")
    assert.deepStrictEqual([...calls], ["a", "c", "d"])
    calls.delete("a")
    calls.delete("a")
    assert.deepStrictEqual([...calls], ["c", "d"])
    assert.strictEqual(calls.size, 2)
  })

  it("goes through those of the beginning while they leave", () => {
    const calls = new CallList<string>()
    for (const call of ["a", "b", "c"]) calls.add(call)
    const seen: Array<string> = []
    for (const call of calls) {
      seen.push(call)
      calls.delete(call)
    }
    assert.deepStrictEqual(seen, ["a", "b", "c"])
    assert.strictEqual(calls.size, 0)
  })
})
