import { assert, describe, it } from "@effect/vitest"
import { bugs } from "./DagBugs.ts"
import { check } from "./DagCheck.ts"

/** Long enough for a slow machine; nothing is said of time. */
const timeout = 300_000

describe("simulation of ensembles", () => {
  it("holds in every schedule", () => {
    const { failure } = check({ runs: 3000, seed: 20261126 })
    assert.isUndefined(failure, failure)
  }, timeout)

  it.each(bugs)("finds an ensemble that $name", ({ breaks, plant, subject }) => {
    const undo = plant?.()
    try {
      const { failure } = check({
        runs: 2000,
        seed: 7,
        counts: breaks,
        shrink: false,
        ...(subject === undefined ? {} : { subject })
      })
      assert.isTrue(failure?.startsWith(`${breaks}: `), failure ?? `nothing that breaks ${breaks} was found`)
    } finally {
      undo?.()
    }
  }, timeout)
})
