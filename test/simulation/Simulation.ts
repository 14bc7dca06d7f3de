/** Runs a plan against a scheduler and reports what did not hold. */
import { Effect, Exit, type Fiber, Scope } from "effect"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import type * as BatchLayout from "../../src/layers/scheduling/internal/BatchLayout.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { Job, JobFailure, JobResult, ModelScheduler, QueueOptions } from "../../src/services/Scheduler.ts"
import * as Layouts from "./Layouts.ts"
import { Machines } from "./Machines.ts"
import { Model, type Property, type Violation } from "./Model.ts"
import { type LevelPlan, type Plan, unit } from "./Plan.ts"
import { World } from "./World.ts"

/** What a scheduler is opened with. */
export interface Opening {
  readonly plan: Plan
  readonly version: QueueOptions
  readonly layout: BatchLayout.BatchLayout
  readonly options: DynamicBatcher.Options
}

/** The scheduler that is put to the test. */
export type Subject = (opening: Opening) => Effect.Effect<ModelScheduler, never, Scope.Scope>

/** The schedulers as they are. */
export const subject: Subject = ({ layout, options, plan, version }) =>
  plan.kind === "direct"
    ? DirectScheduler.open(version, { maxQueueSize: plan.maxQueueSize })
    : DynamicBatcher.open(version, layout, options)

const policy = (level: LevelPlan) => ({
  timeout_action: level.delays ? "DELAY" as const : "REJECT" as const,
  default_timeout_microseconds: BigInt(level.timeout * unit / 1000),
  allow_timeout_override: level.override,
  max_queue_size: level.maxQueueSize
})

/** The config that a plan stands for. */
export const configOf = (plan: Plan): ModelConfig.ModelConfig => {
  const [first] = plan.levels
  return ModelConfig.make({
    name: "m",
    max_batch_size: plan.maxBatchSize,
    input: [{ name: "X", data_type: "TYPE_UINT8", dims: plan.maxBatchSize === 0 ? [-1, -1] : [-1] }],
    output: [{ name: "Y", data_type: "TYPE_UINT8", dims: plan.maxBatchSize === 0 ? [-1, -1] : [-1] }],
    ...(plan.kind === "direct" ? {} : {
      dynamic_batching: {
        preferred_batch_size: [...plan.preferred],
        max_queue_delay_microseconds: BigInt(plan.delay * unit / 1000),
        preserve_ordering: plan.preserveOrdering,
        priority_levels: BigInt(plan.priorities),
        default_priority_level: plan.priorities === 0 ? 0n : 1n,
        ...(first === undefined ? {} : { default_queue_policy: policy(first) }),
        priority_queue_policy: Object.fromEntries(
          plan.levels.slice(0, plan.priorities).map((level, i) => [String(i + 1), policy(level)])
        )
      }
    })
  })
}

const outputs = ["Y"]

/** What did not hold. */
export const simulate = (plan: Plan, open: Subject = subject): ReadonlyArray<Violation> => {
  const world = new World()
  world.late = plan.late * unit
  const model = new Model(world, plan)
  const machines = new Machines(world, plan, {
    started: (run) => model.started(run),
    begun: (run) => model.begun(run),
    withdrawn: (run) => model.withdrawn(run),
    answered: (run, exit) => model.answeredRun(run, exit),
    violated: (property, what) => model.violated(property as Property, what),
    polled: () => plan.kind === "direct" && model.enter()
  })
  model.machines = machines
  const config = configOf(plan)
  const signature = ModelSignature.make(config)
  const statistics = new Books("m", 1, () => 0)
  const { executed } = statistics
  statistics.executed = (rows, times) => {
    model.executed(times.computeInput + times.computeInfer)
    executed.call(statistics, rows, times)
  }
  const version: QueueOptions = {
    config,
    version: 1,
    plan: {
      model: "m",
      version: 1,
      path: "",
      inputs: [],
      outputs: [],
      batched: plan.maxBatchSize > 0,
      instances: [],
      session: {}
    },
    signature,
    instances: machines.instances,
    statistics
  }
  const under = plan.realLayout ? Layouts.real(version, (what) => machines.releasable(what)) : Layouts.light
  const layout: BatchLayout.BatchLayout = {
    ...under,
    keyOf: (job) => {
      model.enter()
      return under.keyOf(job)
    },
    gather: (jobs) => {
      const launch = model.launched(jobs)
      const batch = under.gather(jobs)
      return {
        ...batch,
        release: () => {
          batch.release()
          model.released(launch)
        }
      }
    }
  }

  const scope = Scope.makeUnsafe()
  let scheduler: ModelScheduler | undefined
  world.fork(
    Effect.map(
      Scope.provide(open({ plan, version, layout, options: { maxQueueSize: plan.maxQueueSize } }), scope),
      (opened) => {
        scheduler = opened
      }
    )
  )
  world.settle()
  const { submit } = scheduler!

  const begin = world.now
  let at = begin
  for (const { gap, requests } of plan.arrivals) {
    at += gap * unit
    world.schedule(at, () => {
      for (const request of requests) {
        const mark = model.requests.length + 1
        const job: Job = {
          inputs: [Layouts.tensor(mark, request.rows, request.width)],
          outputs,
          batchSize: request.rows,
          priority: request.priority,
          timeoutMicros: request.timeout * unit / 1000,
          deadlineMicros: request.deadline * unit / 1000
        }
        const arrival = model.arrive(request, job)
        const fiber: Fiber.Fiber<JobResult, JobFailure> = world.fork(submit(job))
        fiber.addObserver((exit) => model.answer(arrival, exit))
        model.arrived(arrival)
        if (request.cancelAfter > 0) {
          world.schedule(world.now + request.cancelAfter * unit, () => {
            if (arrival.answers > 0) return
            model.cancelled(arrival)
            fiber.interruptUnsafe()
          })
        }
      }
    })
  }
  const close = () => {
    if (model.closing) return
    model.closing = true
    world.fork(Scope.close(scope, Exit.void)).addObserver(() => model.hasClosed())
  }
  world.schedule(begin + plan.closesAt * unit, close)
  try {
    world.run(() => model.rest(statistics.counts()))
  } catch (cause) {
    model.violated("no-deadlock", `the scheduler threw ${cause}`)
  }
  model.end(statistics.counts())
  return model.violations
}
