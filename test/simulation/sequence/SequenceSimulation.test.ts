import { assert, describe, it } from "@effect/vitest"
import { bugs } from "./SequenceBugs.ts"
import { check, profiles } from "./SequenceCheck.ts"
import { subject as batcher } from "./SequenceSimulation.ts"

/** Long enough for a slow machine; nothing is said of time. */
const timeout = 300_000

describe("simulation of sequences", () => {
  it.each(Object.keys(profiles))("holds in every schedule of profile %s", (profile) => {
    const { failure } = check({ profile, runs: 150, seed: 20261126 })
    assert.isUndefined(failure, failure)
  }, timeout)

  it.each(bugs)("finds a batcher that $name", ({ breaks, plant, profile, subject = batcher }) => {
    const undo = plant?.()
    try {
      const { failure } = check({
        profile,
        runs: 600,
        seed: 7,
        subject,
        counts: ({ property }) => property === breaks,
        shrink: false
      })
      assert.isTrue(failure?.startsWith(`${breaks}: `), failure ?? `nothing that breaks ${breaks} was found`)
    } finally {
      undo?.()
    }
  }, timeout)
})
