/** Schedules that were found to break a rule once, as plans that do not depend on how plans are generated. */
import { assert, it } from "@effect/vitest"
import type { Plan, RequestPlan } from "./Plan.ts"
import { simulate } from "./Simulation.ts"

const request: RequestPlan = { rows: 1, width: 1, priority: 0, timeout: 0, deadline: 0, cancelAfter: 0 }

/** Its two requests that lie ready come back one after the other, when both timeouts and that of a third have passed. */
const lostWithDelayed: Plan = {
  kind: "dynamic",
  realLayout: false,
  maxBatchSize: 0,
  preferred: [],
  delay: 1,
  preserveOrdering: false,
  levels: [{ maxQueueSize: 0, timeout: 2, delays: true, override: false }],
  priorities: 0,
  maxQueueSize: 1000,
  instances: 1,
  places: 3,
  quick: true,
  polls: false,
  late: 1,
  arrivals: [
    { gap: 3, requests: [request] },
    { gap: 3, requests: [request, { ...request, timeout: 1 }] },
    { gap: 1, requests: [request] }
  ],
  runs: [{ duration: 6, lag: 0, fails: false }],
  crashes: [{ at: 9, which: 0, down: 1 }],
  closesAt: 100_000
}

it("delayed requests that come back from a lost instance stand in the order of their timeouts", () => {
  assert.deepStrictEqual(simulate(lostWithDelayed), [])
})
