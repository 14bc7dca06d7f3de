import { assert, describe, it } from "@effect/vitest"
import { bugs } from "./Bugs.ts"
import { check } from "./Check.ts"

/** Long enough for a slow machine; nothing is said of time. */
const timeout = 300_000

const schedules: Readonly<Record<string, number>> = {
  "direct": 2500,
  "direct-accidents": 2500,
  "batches": 3500,
  "batches-policies": 4500,
  "batches-accidents": 4500,
  "batches-tensors": 4000
}

describe("simulation", () => {
  it.each(Object.entries(schedules))("holds in every schedule of profile %s", (profile, runs) => {
    const { failure } = check({ profile, runs, seed: 20261126 })
    assert.isUndefined(failure, failure)
  }, timeout)

  it.each(bugs)("finds a scheduler that $name", ({ breaks, plant, profile, subject }) => {
    const undo = plant?.()
    try {
      const { failure } = check({
        profile,
        runs: 2000,
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
