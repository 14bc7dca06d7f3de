import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { StreamTable } from "../../../src/layers/frontend/internal/http2/StreamTable.ts"

describe("StreamTable", () => {
  it("finds what a map would find, whatever comes and goes", () => {
    // Ids that meet at the same places: few of them, far apart.
    const id = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 8 }).map((n) => n * 64))
      .map((n) => 2 * n + 1)
    const step = fc.tuple(fc.constantFrom("add", "add", "delete"), id)
    fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new StreamTable<{ readonly id: number }>()
      const model = new Map<number, { readonly id: number }>()
      for (const [what, at] of steps) {
        if (what === "delete") {
          table.delete(at)
          model.delete(at)
        } else if (!model.has(at)) {
          const stream = { id: at }
          table.add(stream)
          model.set(at, stream)
        }
        assert.strictEqual(table.size, model.size)
      }
      for (const [at, stream] of model) assert.strictEqual(table.get(at), stream)
      for (const [, at] of steps) assert.strictEqual(table.get(at), model.get(at))
      assert.sameMembers([...table.all()], [...model.values()])
    }))
  })

  it("goes through those that are there, whoever leaves meanwhile", () => {
    const table = new StreamTable<{ readonly id: number }>()
    for (let i = 0; i < 20; i++) table.add({ id: 2 * i + 1 })
    let seen = 0
    for (const { id } of table.all()) {
      seen++
      table.delete(id)
    }
    assert.strictEqual(seen, 20)
    assert.strictEqual(table.size, 0)
  })
})
