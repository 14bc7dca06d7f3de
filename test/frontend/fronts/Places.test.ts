import { assert, describe, it } from "@effect/vitest"
import { Places } from "../../../src/layers/frontend/internal/fronts/Places.ts"

describe("Places", () => {
  it("does not take what comes late for a call for its successor's", () => {
    const places = new Places<{ readonly id: number; readonly name: string }>()
    const first = places.next()
    places.set({ id: first, name: "first" })
    assert.strictEqual(places.get(first)?.name, "first")
    places.leave(first)
    const second = places.next()
    places.set({ id: second, name: "second" })
    assert.notStrictEqual(first, second)
    assert.isUndefined(places.get(first))
    places.delete(first)
    places.leave(first)
    assert.strictEqual(places.get(second)?.name, "second")
    assert.strictEqual(places.size, 1)
  })

  it("gives no number to two calls at a time, over many rounds", () => {
    const places = new Places<{ readonly id: number }>()
    const held: Array<number> = []
    for (let i = 0; i < 20_000; i++) {
      const id = places.next()
      assert.isAtLeast(id, 0)
      assert.isFalse(held.includes(id))
      places.set({ id })
      held.push(id)
      if (held.length > 5) places.leave(held.shift()!)
    }
    assert.strictEqual(places.size, held.length)
  })
})
