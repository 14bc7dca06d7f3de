/** Three times more requests than can be run, in virtual time: what the queue makes of it. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Scope } from "effect"
import * as fc from "fast-check"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import type { Job, ModelScheduler } from "../../src/services/Scheduler.ts"
import { queueOptions } from "../scheduling/QueueOptions.ts"
import * as Layouts from "./Layouts.ts"
import { Machines } from "./Machines.ts"
import { World } from "./World.ts"

const millisecond = 1_000_000

interface Plan {
  /** 0: no batcher. */
  readonly maxBatchSize: number
  readonly instances: number
  /** Milliseconds that a run takes on average. */
  readonly run: number
  /** By how much of that runs are shorter or longer at most. */
  readonly jitter: number
  /** In runs. */
  readonly deadline: number
  /** Of so many requests one has no deadline. */
  readonly without: number
  readonly seed: number
}

const plans = fc.record<Plan>({
  maxBatchSize: fc.constantFrom(0, 0, 4, 8),
  instances: fc.integer({ min: 1, max: 3 }),
  run: fc.integer({ min: 5, max: 50 }),
  jitter: fc.constantFrom(0, 0.1, 0.3),
  deadline: fc.integer({ min: 10, max: 40 }),
  without: fc.constantFrom(5, 20),
  seed: fc.nat(2 ** 31)
})

interface Answer {
  readonly arrivedAt: number
  readonly answeredAt: number
  readonly deadline: number
  readonly outcome: string
}

/** A small generator of numbers below 1, the same for the same seed. */
const random = (seed: number) => () => {
  seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x6d2b79f5 | 0
  return ((seed ^ (seed >>> 14)) >>> 0) / 2 ** 32
}

const overload = 3
const runsOfTime = 100

/** The answers to a load of a multiple of the capacity, then of half of it. */
const drive = (plan: Plan): { readonly answers: ReadonlyArray<Answer>; readonly endsAt: number; capacity: number } => {
  const world = new World(1e6)
  const next = random(plan.seed)
  const machines = new Machines(
    world,
    {
      instances: plan.instances,
      places: 1,
      quick: false,
      polls: false,
      crashes: [],
      runs: [{ duration: 1, lag: 0, fails: false }]
    },
    {
      started: () => {},
      begun: () => {},
      withdrawn: () => {},
      answered: () => {},
      polled: () => {},
      violated: (property, what) => assert.fail(`${property}: ${what}`),
      endsAt: (run) => run.begunAt + Math.round(plan.run * millisecond * (1 + plan.jitter * (2 * next() - 1)))
    }
  )
  const version = {
    ...queueOptions("m", plan.maxBatchSize === 0 ? {} : { max_batch_size: plan.maxBatchSize, dynamic_batching: {} }),
    instances: machines.instances
  }
  const scope = Scope.makeUnsafe()
  let scheduler: ModelScheduler | undefined
  const open = plan.maxBatchSize === 0 ? DirectScheduler.open(version) : DynamicBatcher.open(version, Layouts.light, {})
  world.fork(Effect.map(Scope.provide(open, scope), (opened) => {
    scheduler = opened
  }))
  world.settle()

  const capacity = plan.instances * Math.max(1, plan.maxBatchSize) / (plan.run * millisecond)
  const answers: Array<Answer> = []
  const begin = world.now
  const endsAt = begin + runsOfTime * plan.run * millisecond
  const stopsAt = endsAt + runsOfTime * plan.run * millisecond / 2
  let count = 0
  const arrive = () => {
    const arrivedAt = world.now
    const deadline = ++count % plan.without === 0 ? 0 : plan.deadline * plan.run * millisecond
    const job: Job = {
      inputs: [Layouts.tensor(1, 1, 1)],
      outputs: ["Y"],
      batchSize: 1,
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: deadline / 1000
    }
    world.fork(scheduler!.submit(job)).addObserver((exit) => {
      if (Exit.isSuccess(exit)) exit.value.release()
      const outcome = Exit.isSuccess(exit)
        ? "Success"
        : Option.match(Cause.findErrorOption(exit.cause), { onNone: () => "Defect", onSome: ({ _tag }) => _tag })
      answers.push({ arrivedAt, answeredAt: world.now, deadline, outcome })
    })
    const rate = capacity * (arrivedAt < endsAt ? overload : 0.5)
    // As those of many clients come: sometimes close together, sometimes far apart.
    const at = Math.ceil(arrivedAt - Math.log(1 - next()) / rate)
    if (at < stopsAt) world.schedule(at, arrive)
  }
  world.schedule(begin, arrive)
  world.run(() => {})
  world.fork(Scope.close(scope, Exit.void))
  world.run(() => {})
  assert.isFalse(world.runaway)
  assert.strictEqual(answers.length, count)
  assert.strictEqual(machines.unreleased, 0)
  return { answers, endsAt, capacity }
}

const share = (some: ReadonlyArray<unknown>, all: ReadonlyArray<unknown>): number =>
  all.length === 0 ? 1 : some.length / all.length

describe("overload", () => {
  it("keeps what is answered in time near the capacity, whatever comes", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { answers, capacity, endsAt } = drive(plan)
        const under = answers.filter(({ arrivedAt }) => arrivedAt < endsAt)
        const succeeded = under.filter(({ outcome }) => outcome === "Success")
        const inTime = succeeded.filter(({ answeredAt, arrivedAt, deadline }) =>
          deadline === 0 || answeredAt - arrivedAt <= deadline
        )
        const goodput = inTime.length / (capacity * runsOfTime * plan.run * millisecond)
        assert.isAtLeast(goodput, 0.9, "answers in time, of the capacity")
        assert.isAtLeast(share(inTime, succeeded), 0.99, "of those that were run, in time")
        const refused = under.filter(({ outcome }) => outcome === "QueueFull")
        assert.isAtLeast(refused.length, 0.5 * under.length)
        assert.isTrue(refused.every(({ answeredAt, arrivedAt }) => answeredAt === arrivedAt), "refused at once")
        const ended = under.filter(({ outcome }) => outcome === "DeadlineExceeded")
        assert.isAtMost(share(ended, under), 0.05, "let go after they had waited")
      }),
      { numRuns: 25, seed: 20261126, endOnFailure: true }
    )
  }, 300_000)

  it("turns nobody away who has no deadline, nor anybody once the load is over", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { answers, endsAt } = drive(plan)
        assert.isTrue(
          answers.every(({ deadline, outcome }) => deadline > 0 || outcome === "Success"),
          "without a deadline"
        )
        const later = endsAt + plan.deadline * plan.run * millisecond
        assert.isTrue(
          answers.every(({ arrivedAt, outcome }) => arrivedAt < later || outcome === "Success"),
          "after the load"
        )
      }),
      { numRuns: 25, seed: 20261127, endOnFailure: true }
    )
  }, 300_000)
})
