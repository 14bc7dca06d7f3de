import { assert, describe, it } from "@effect/vitest"
import { bugs } from "./RateBugs.ts"
import { check } from "./RateCheck.ts"

/** Long enough for a slow machine; nothing is said of time. */
const timeout = 300_000

describe("simulation of a rate limiter", () => {
  it("holds in every schedule", () => {
    const { failure } = check({ runs: 1000, seed: 20261126 })
    assert.isUndefined(failure, failure)
  }, timeout)

  it.each(bugs)("finds a limiter that $name", ({ breaks, plant }) => {
    const undo = plant()
    try {
      const { failure } = check({ runs: 2000, seed: 7, counts: breaks, shrink: false })
      assert.isTrue(failure?.startsWith(`${breaks}: `), failure ?? `nothing that breaks ${breaks} was found`)
    } finally {
      undo()
    }
  }, timeout)
})
