/** What a schedule of sequences does, as plain values that fast-check can make smaller. */
import * as fc from "fast-check"
import type { Crash, RunPlan } from "../Plan.ts"

/** One request of a caller. */
export interface StepPlan {
  /** Units after the step before it, or after the answer to that. */
  readonly gap: number
  /** It is sent when the step before it was answered; otherwise without waiting for that. */
  readonly waits: boolean
  readonly start: boolean
  readonly end: boolean
  readonly value: number
  /** Elements beyond those that every request has: what decides whether steps may share a batch. */
  readonly extra: number
  /** Two rows, which no step may have. */
  readonly wide: boolean
  /** Units; 0: none. */
  readonly timeout: number
  /** Units; 0: none. */
  readonly deadline: number
  /** Units after its arrival; 0: never. */
  readonly cancelAfter: number
}

/** Somebody who sends steps under one id, which others may use as well. */
export interface CallerPlan {
  /** Units since the start. */
  readonly at: number
  /** Index into {@link ids}. */
  readonly id: number
  /** After a step that failed the next one begins anew. */
  readonly beginsAgain: boolean
  readonly steps: ReadonlyArray<StepPlan>
}

export interface SequencePlan {
  readonly strategy: "direct" | "oldest"
  /** The server keeps the state; otherwise the instance that runs the steps does. */
  readonly stateful: boolean
  /** The kind of id that the model is told; `both`: it is told none. */
  readonly kind: "number" | "text" | "both"
  /** 0: batches are no dimension of the model's tensors. */
  readonly maxBatchSize: number
  /** Of Oldest; 0: as many as rows. */
  readonly candidates: number
  readonly preferred: ReadonlyArray<number>
  /** Units. */
  readonly delay: number
  /** Of Direct, from 0 to 1. */
  readonly utilization: number
  readonly preserveOrdering: boolean
  /** Units. */
  readonly idle: number
  readonly maxBacklog: number
  readonly maxQueueSize: number
  readonly instances: number
  readonly places: number
  readonly quick: boolean
  readonly polls: boolean
  readonly callers: ReadonlyArray<CallerPlan>
  readonly runs: ReadonlyArray<RunPlan>
  readonly crashes: ReadonlyArray<Crash>
  /** Units since the start: every sequence is told to end; 0: never. */
  readonly endsAt: number
  readonly closesAt: number
  /** Units that sequences may go on from then on. */
  readonly drain: number
}

/** Numbers and text that look alike, and what is no sequence. */
export const ids: ReadonlyArray<bigint | string> = [1n, "1", 2n, "2", 2n ** 64n - 1n, "a", 3n, "b", 0n, ""]

/** Ids that sequences have. */
export const usable = 8

/** Accidents: cancelled callers, deadlines, failing runs, lost instances. */
export interface Profile {
  readonly strategy: SequencePlan["strategy"]
  readonly stateful: boolean
  readonly accidents: boolean
}

const rarely = <A>(often: A, other: fc.Arbitrary<A>, weight = 8): fc.Arbitrary<A> =>
  fc.oneof({ weight, arbitrary: fc.constant(often) }, { weight: 1, arbitrary: other })

const step = (accidents: boolean): fc.Arbitrary<StepPlan> =>
  fc.record<StepPlan>({
    gap: fc.oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(40) }),
    waits: fc.boolean(),
    start: rarely(false, fc.constant(true), 12),
    end: rarely(false, fc.constant(true), 12),
    value: fc.integer({ min: 1, max: 99 }),
    extra: rarely(0, fc.constant(1), 4),
    wide: rarely(false, fc.constant(true), 40),
    timeout: rarely(0, fc.integer({ min: 1, max: 25 }), 6),
    deadline: accidents ? rarely(0, fc.integer({ min: 1, max: 25 }), 6) : fc.constant(0),
    cancelAfter: accidents ? rarely(0, fc.integer({ min: 1, max: 20 }), 8) : fc.constant(0)
  })

/** Most callers do as they should: START first, END last. */
const caller = (accidents: boolean, kind: SequencePlan["kind"]): fc.Arbitrary<CallerPlan> =>
  fc.record({
    at: fc.oneof(fc.nat(3), fc.nat(60)),
    id: rarely(-1, fc.nat(ids.length - 1), 6),
    pick: fc.nat(usable / 2 - 1),
    text: fc.boolean(),
    beginsAgain: fc.boolean(),
    begins: rarely(true, fc.constant(false), 12),
    ends: rarely(true, fc.constant(false), 4),
    steps: fc.array(step(accidents), { minLength: 1, maxLength: 6 })
  }).map(({ at, begins, beginsAgain, ends, id, pick, steps, text }) => ({
    at,
    beginsAgain,
    id: id === -1 ? 2 * pick + Number(kind === "text" || (kind === "both" && text)) : id,
    steps: steps.map((one, i) => ({
      ...one,
      start: i === 0 ? begins : one.start,
      end: i === steps.length - 1 ? ends : one.end
    }))
  }))

const run = (accidents: boolean): fc.Arbitrary<RunPlan> =>
  fc.record<RunPlan>({
    duration: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, {
      weight: 6,
      arbitrary: fc.integer({ min: 1, max: 8 })
    }),
    // Ends are noticed at a time of their own within a unit.
    lag: rarely(0, fc.nat(2).map((n) => n + 0.2), 4),
    fails: accidents ? rarely(false, fc.constant(true), 10) : fc.constant(false)
  })

/**
 * Each instance is lost, and comes back, at a time of its own within a unit: between whole microseconds, where nothing else happens but
 * what follows from it.
 */
const crash: fc.Arbitrary<Crash> = fc.record({ at: fc.nat(100), which: fc.nat(2), down: fc.nat(20) }).map((
  { at, down, which }
) => ({ which, at: at + 0.5 + which / 100 + (which + 1) * 0.0003, down: down + 0.0507 }))

export const arbitrary = ({ accidents, stateful, strategy }: Profile): fc.Arbitrary<SequencePlan> =>
  fc.constantFrom<SequencePlan["kind"]>("number", "number", "text", "both").chain((kind) =>
    fc.record<SequencePlan>({
      strategy: fc.constant(strategy),
      stateful: fc.constant(stateful),
      kind: fc.constant(kind),
      maxBatchSize: fc.integer({ min: 0, max: 4 }),
      candidates: fc.nat(4),
      preferred: rarely<ReadonlyArray<number>>([], fc.integer({ min: 1, max: 4 }).map((n) => [n]), 1),
      delay: rarely(0, fc.integer({ min: 1, max: 10 }), 2),
      utilization: fc.constantFrom(0, 0.25, 0.5, 1),
      preserveOrdering: fc.boolean(),
      idle: fc.integer({ min: 5, max: 60 }),
      maxBacklog: rarely(1000, fc.nat(3), 3),
      maxQueueSize: rarely(1000, fc.integer({ min: 1, max: 4 }), 6),
      instances: fc.integer({ min: 1, max: 3 }),
      places: fc.integer({ min: 1, max: 2 }),
      quick: fc.boolean(),
      polls: fc.boolean(),
      callers: fc.array(caller(accidents, kind), { minLength: 1, maxLength: 8 }),
      runs: fc.array(run(accidents), { minLength: 1, maxLength: 6 }),
      crashes: accidents ? fc.array(crash, { maxLength: 3 }) : fc.constant([]),
      endsAt: rarely(0, fc.integer({ min: 1, max: 100 }), 6),
      closesAt: fc.oneof(fc.constant(400), fc.integer({ min: 1, max: 120 })),
      drain: rarely(1000, fc.nat(30), 2)
    })
  ).map((plan) => ({
    ...plan,
    // An instance that keeps states itself, in batches of any sequences, has to be told whose they are.
    kind: plan.strategy === "oldest" && !plan.stateful && plan.kind === "both" ? "number" : plan.kind,
    preferred: plan.preferred.filter((size) => size <= Math.max(1, plan.maxBatchSize))
  }))
