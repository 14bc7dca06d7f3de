import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Shape from "../../../../src/layers/cli/internal/infer/Shape.ts"

const fit = (given: ReadonlyArray<number>, wanted: ReadonlyArray<number>) =>
  Result.getOrElse(Shape.fit("X", given, wanted), (reason) => reason)

describe("the shape of an input", () => {
  it("is taken as it is where it fits", () => {
    assert.deepStrictEqual(fit([2, 16], [-1, 16]), { shape: [2, 16], note: undefined })
    assert.deepStrictEqual(fit([5], [-1]), { shape: [5], note: undefined })
  })

  it("gets the batch dimension where only that is missing", () => {
    assert.deepStrictEqual(fit([3, 4], [-1, 3, 4]), {
      shape: [1, 3, 4],
      note: "X: [3,4] was taken as [1,3,4], a batch of one."
    })
    assert.deepStrictEqual(fit([16], [-1, 16]), {
      shape: [1, 16],
      note: "X: [16] was taken as [1,16], a batch of one."
    })
  })

  it("follows from the number of values where these are in a row", () => {
    assert.deepStrictEqual(fit([32], [-1, 16]), { shape: [2, 16], note: "X: 32 values in a row were taken as [2,16]." })
    assert.deepStrictEqual(fit([6], [2, 3]), { shape: [2, 3], note: "X: 6 values in a row were taken as [2,3]." })
    assert.deepStrictEqual(fit([6], [-1, 2, -1]), {
      shape: [1, 2, 3],
      note: "X: 6 values in a row were taken as [1,2,3]."
    })
    assert.deepStrictEqual(fit([], [-1]), { shape: [1], note: undefined })
    assert.deepStrictEqual(fit([], [-1, 1]), { shape: [1, 1], note: undefined })
  })

  it("is refused where there are several ways, or none", () => {
    assert.strictEqual(
      fit([3, 15], [-1, 16]),
      "Input 'X' takes the shape [-1,16] (-1: any size), and was given [3,15]. Give the values nested as the shape is, " +
        "for instance [[1, …]]."
    )
    assert.strictEqual(
      fit([], [2, 3]),
      "Input 'X' takes the shape [2,3], and was given a single value. Give the values nested as the shape is, for " +
        "instance [[1, …], …]."
    )
    assert.include(String(fit([15], [-1, 16])), "was given [15]")
    assert.include(String(fit([6], [2, -1, -1])), "was given [6]")
  })
})
