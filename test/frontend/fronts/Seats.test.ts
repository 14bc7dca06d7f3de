import { assert, describe, it } from "@effect/vitest"
import { Seats } from "../../../src/layers/frontend/internal/fronts/Seats.ts"

describe("Seats", () => {
  it("counts over all fronts, and gives back what a front held that is gone", () => {
    const memory = Seats.allocate(2)
    const [first, second] = [new Seats(memory, 3, 0), new Seats(memory, 3, 1)]
    assert.deepStrictEqual([first.take(), second.take(), first.take(), second.take(), first.take()], [
      true,
      true,
      true,
      false,
      false
    ])
    second.leave()
    assert.isTrue(first.take())
    new Seats(memory, 0, 0).clear()
    assert.deepStrictEqual([second.take(), second.take(), second.take(), second.take()], [true, true, true, false])
  })
})
