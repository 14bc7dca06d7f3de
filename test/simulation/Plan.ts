/** What a schedule does: a config, requests, instances and accidents. Plain values, so that fast-check can make them smaller. */
import * as fc from "fast-check"

/** Units of time in a plan are of this many nanoseconds. */
export const unit = 100_000

export interface RequestPlan {
  readonly rows: number
  /** Elements of a row: what decides whether requests may share a batch. */
  readonly width: number
  readonly priority: number
  /** Units; 0: what the policy says. */
  readonly timeout: number
  /** Units; 0: none. */
  readonly deadline: number
  /** Units after its arrival; 0: never. */
  readonly cancelAfter: number
}

/** Requests that arrive in one turn of the event loop. */
export interface Arrivals {
  /** Units since the arrivals before. */
  readonly gap: number
  readonly requests: ReadonlyArray<RequestPlan>
}

export interface RunPlan {
  /** Units; 0: it ends before its start returns. */
  readonly duration: number
  /** Units until the server notices the end, unless it looks. */
  readonly lag: number
  readonly fails: boolean
}

export interface Crash {
  /** Units since the start. */
  readonly at: number
  readonly which: number
  /** Units until the instance is back. */
  readonly down: number
}

export interface LevelPlan {
  readonly maxQueueSize: number
  /** Units; 0: none. */
  readonly timeout: number
  readonly delays: boolean
  readonly override: boolean
}

export interface Plan {
  readonly kind: "dynamic" | "direct"
  /** The layout of the server, over tensors; otherwise one that knows only marks. */
  readonly realLayout: boolean
  readonly maxBatchSize: number
  readonly preferred: ReadonlyArray<number>
  /** Units. */
  readonly delay: number
  readonly preserveOrdering: boolean
  /** Policies of the priorities, the first one of all others as well. */
  readonly levels: ReadonlyArray<LevelPlan>
  readonly priorities: number
  readonly maxQueueSize: number
  readonly instances: number
  /** Runs that an instance takes at once. */
  readonly places: number
  readonly quick: boolean
  /** The server looks for ends of runs before it makes a request wait. */
  readonly polls: boolean
  /** Units by which every timer is late. */
  readonly late: number
  readonly arrivals: ReadonlyArray<Arrivals>
  /** In turn, from the first one again when there are no more. */
  readonly runs: ReadonlyArray<RunPlan>
  readonly crashes: ReadonlyArray<Crash>
  /** Units since the start at which the queue is closed. */
  readonly closesAt: number
}

/** What a part of the runs is about. */
export interface Profile {
  readonly kind: Plan["kind"]
  readonly realLayout: boolean
  readonly policies: boolean
  readonly accidents: boolean
}

const rarely = (common: number, max: number, weight = 4) =>
  fc.oneof({ weight, arbitrary: fc.constant(common) }, { weight: 1, arbitrary: fc.integer({ min: 1, max }) })

const often = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, {
  weight: 2,
  arbitrary: fc.integer({ min: 1, max: 30 })
})

const zero = fc.constant(0)
const no = fc.constant(false)

/** Plans of a profile. */
export const arbitrary = (profile: Profile): fc.Arbitrary<Plan> => {
  const { accidents, kind, policies, realLayout } = profile
  const dynamic = kind === "dynamic"
  const levels = policies && dynamic
  const request = fc.record<RequestPlan>({
    rows: rarely(1, 4, 2),
    width: dynamic ? rarely(1, 3, 6) : fc.constant(1),
    priority: levels ? fc.nat(4) : zero,
    timeout: levels ? rarely(0, 20, 2) : zero,
    deadline: accidents ? rarely(0, 30) : zero,
    cancelAfter: accidents ? rarely(0, 20, 5) : zero
  })
  const arrivals = fc.record<Arrivals>({
    gap: fc.oneof(zero, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 30 })),
    requests: fc.array(request, { minLength: 1, maxLength: 6 })
  })
  const level = fc.record<LevelPlan>({
    maxQueueSize: rarely(0, 4, 3),
    timeout: often,
    delays: fc.boolean(),
    override: fc.boolean()
  })
  return fc.record<Plan>({
    kind: fc.constant(kind),
    realLayout: fc.constant(realLayout),
    maxBatchSize: fc.oneof(fc.integer({ min: 4, max: 8 }), fc.integer({ min: 0, max: 2 })),
    preferred: dynamic ? fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 3 }) : fc.constant([]),
    delay: dynamic ? often : zero,
    preserveOrdering: dynamic ? fc.boolean() : no,
    levels: levels ? fc.array(level, { maxLength: 3 }) : fc.constant([]),
    priorities: levels ? fc.nat(3) : zero,
    maxQueueSize: fc.oneof(fc.constant(1000), fc.nat(8)),
    instances: fc.integer({ min: 1, max: 3 }),
    places: fc.integer({ min: 1, max: 3 }),
    quick: fc.boolean(),
    polls: fc.boolean(),
    late: accidents ? rarely(0, 3) : zero,
    arrivals: fc.array(arrivals, { minLength: 1, maxLength: 12 }),
    runs: fc.array(
      fc.record<RunPlan>({
        duration: rarely(0, 40, 1),
        lag: rarely(0, 4, 3),
        fails: accidents ? fc.integer({ min: 0, max: 7 }).map((n) => n === 7) : no
      }),
      { minLength: 1, maxLength: 5 }
    ),
    crashes: accidents
      ? fc.array(
        fc.record<Crash>({ at: fc.nat(150), which: fc.nat(2), down: fc.integer({ min: 1, max: 40 }) }),
        { maxLength: 2 }
      )
      : fc.constant([]),
    closesAt: fc.oneof({ weight: 3, arbitrary: fc.constant(100_000) }, { weight: 1, arbitrary: fc.nat(120) })
  }).map(consistent)
}

/** Makes a config of it that a server would load. Source: scheduling §3.1. */
const consistent = (plan: Plan): Plan => {
  const largest = Math.max(1, plan.maxBatchSize)
  const inOrder = plan.preserveOrdering
  const rows = (request: RequestPlan) => plan.maxBatchSize === 0 ? 1 : Math.min(request.rows, largest)
  return {
    ...plan,
    preferred: [...new Set(plan.preferred.map((size) => Math.min(size, largest)))],
    priorities: inOrder ? Math.min(1, plan.priorities) : plan.priorities,
    levels: plan.levels.map((level) => ({ ...level, delays: level.delays && !inOrder })),
    arrivals: plan.arrivals.map(({ gap, requests }) => ({
      gap,
      // A mark is one byte.
      requests: requests.map((request) => ({ ...request, rows: rows(request) }))
    }))
  }
}
