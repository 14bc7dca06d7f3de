import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ConfiguredRateLimiter from "../../src/layers/scheduling/ConfiguredRateLimiter.ts"
import type { PlannedInstance } from "../../src/services/Executor.ts"
import { check, profiles } from "./Check.ts"
import { type Subject, subject } from "./Simulation.ts"

/** The schedulers behind a limiter that has enough of everything, with one run at a time on each instance. */
const limited: Subject = (opening) =>
  Effect.orDie(Effect.gen(function*() {
    const { plan, version } = opening
    const instances = Array.from({ length: plan.instances }, (_, index): PlannedInstance => ({
      name: `m_${index}`,
      device: { kind: "CPU", id: 0 },
      priority: index,
      resources: [{ name: "R", count: 2, global: false }]
    }))
    const limiter = ConfiguredRateLimiter.make([{ name: "R", count: 2 * plan.instances, device: undefined }])
    return yield* subject({
      ...opening,
      version: {
        ...version,
        instances: yield* limiter.limit({ ...version.plan, instances }, Effect.succeed(version.instances))
      }
    })
  }))

describe("simulation", () => {
  it.each(Object.keys(profiles))("holds behind a limiter that has enough of everything, profile %s", (profile) => {
    const { failure } = check({
      profile,
      runs: 1000,
      seed: 20261126,
      subject: limited,
      change: (plan) => ({ ...plan, places: 1, maxQueueSize: Math.max(1, plan.maxQueueSize) })
    })
    assert.isUndefined(failure, failure)
  }, 300_000)
})
