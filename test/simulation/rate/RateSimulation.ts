/** Runs a plan of several models behind one rate limiter, and reports what did not hold. */
import { Cause, Effect, Exit, type Fiber, Option, Scope } from "effect"
import * as ConfiguredRateLimiter from "../../../src/layers/scheduling/ConfiguredRateLimiter.ts"
import * as DirectScheduler from "../../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../../src/layers/scheduling/DynamicBatcher.ts"
import * as Lanes from "../../../src/layers/scheduling/internal/Lanes.ts"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import type { PlannedInstance } from "../../../src/services/Executor.ts"
import type { Job, JobFailure, JobResult, QueueOptions } from "../../../src/services/Scheduler.ts"
import * as Layouts from "../Layouts.ts"
import { Machines } from "../Machines.ts"
import { type RequestPlan, unit } from "../Plan.ts"
import { configOf } from "../Simulation.ts"
import { World } from "../World.ts"
import { type Loaded, type Property, RateModel, type Violation } from "./RateModel.ts"
import type { ModelPlan, RatePlan } from "./RatePlan.ts"

interface Request {
  readonly plan: RequestPlan
  readonly arrivedAt: number
  answers: number
  cancelled: boolean
}

const outputs = ["Y"]

class RateSimulation {
  private readonly world = new World()
  private readonly limiter: ReturnType<typeof ConfiguredRateLimiter.make>
  private readonly model: RateModel
  private readonly machines: Array<Machines> = []
  private readonly requests: Array<Request> = []

  constructor(plan: RatePlan) {
    this.limiter = ConfiguredRateLimiter.make(plan.amounts)
    this.model = new RateModel(plan, this.limiter.levels)
    const begin = this.world.now
    for (const [index, one] of plan.models.entries()) {
      this.world.schedule(begin + one.loadsAt * unit, () => this.load(index, one))
    }
  }

  run(): ReadonlyArray<Violation> {
    const { model, world } = this
    try {
      world.run(() => model.rest())
    } catch (cause) {
      model.violated("ends", `something threw ${cause}`)
    }
    if (world.runaway) model.violated("ends", "it never came to rest")
    model.end()
    const unanswered = this.requests.filter(({ answers }) => answers !== 1).length
    if (unanswered > 0) model.violated("once", `${unanswered} requests were not answered once`)
    const unreleased = this.machines.reduce((sum, machines) => sum + machines.unreleased, 0)
    if (unreleased > 0) model.violated("given-back", `${unreleased} results were not released`)
    return model.violations
  }

  private load(index: number, one: ModelPlan): void {
    const { limiter, machines: all, model, world } = this
    const refusal = model.refusal(one)
    const loaded = refusal === undefined ? model.load(index, one) : undefined
    const scope = Scope.makeUnsafe()
    const instances = one.instances.map(({ device, priority, resources }, index): PlannedInstance => ({
      name: `m_${index}`,
      device: { kind: "GPU", id: device },
      priority,
      resources
    }))
    const open = Effect.suspend(() => {
      if (loaded === undefined) return Effect.die("instances were opened of a model that must not load")
      const machines = new Machines(world, one.plan, {
        started: (run) => model.started(loaded, run),
        begun: () => {},
        withdrawn: (run) => model.ended(loaded, run, false),
        answered: (run, exit) => model.ended(loaded, run, !Lanes.isNotBegun(exit)),
        violated: (property, what) => model.violated(property as Property, what),
        polled: () => {}
      })
      loaded.machines = machines
      all.push(machines)
      return Effect.succeed(machines.instances)
    })
    const config = configOf(one.plan)
    const base = {
      config,
      version: 1,
      plan: {
        model: "m",
        version: 1,
        path: "",
        inputs: [],
        outputs: [],
        batched: one.plan.maxBatchSize > 0,
        instances,
        session: {}
      },
      signature: ModelSignature.make(config),
      statistics: new Books("m", 1, () => 0)
    }
    const opening = Effect.gen(function*() {
      const limited = yield* limiter.limit(base.plan, open)
      const warmUp = limited.slots.withPermit(limited.run([Layouts.tensor(1, 1, 1)], outputs)).pipe(
        Effect.tap(({ release }) => Effect.sync(release)),
        Effect.ignore
      )
      yield* Effect.all(Array.from({ length: one.warmUps }, () => warmUp), { concurrency: "unbounded", discard: true })
      const version: QueueOptions = { ...base, instances: limited }
      const options = { maxQueueSize: one.plan.maxQueueSize }
      return one.plan.kind === "direct"
        ? yield* DirectScheduler.open(version, options)
        : yield* DynamicBatcher.open(version, Layouts.light, options)
    })
    world.fork(Scope.provide(opening, scope)).addObserver((exit) => {
      if (Exit.isFailure(exit)) {
        const failure = Cause.findErrorOption(exit.cause)
        const message = Option.isSome(failure) ? failure.value.message : String(exit.cause)
        const expected = refusal === "both" ? "is present as both" : "is limited to"
        if (refusal === undefined || !message.includes(expected)) {
          model.violated("load", `model ${index} did not load (${refusal ?? "it should have"}): ${message}`)
        }
        world.fork(Scope.close(scope, Exit.void))
        return
      }
      if (loaded === undefined) return model.violated("load", `model ${index} loaded although there is ${refusal}`)
      loaded.scheduler = exit.value
      this.serve(loaded, scope)
    })
  }

  /** Lets requests come, and the model close. */
  private serve(loaded: Loaded, scope: Scope.Closeable): void {
    const { model, world } = this
    const { plan } = loaded.plan
    const begin = world.now
    let at = begin
    for (const { gap, requests } of plan.arrivals) {
      at += gap * unit
      world.schedule(at, () => {
        for (const request of requests) this.submit(loaded, request)
      })
    }
    world.schedule(begin + plan.closesAt * unit, () => {
      loaded.closing = true
      world.fork(Scope.close(scope, Exit.void)).addObserver(() => model.unload(loaded))
    })
  }

  private submit(loaded: Loaded, plan: RequestPlan): void {
    const { world } = this
    const request: Request = { plan, arrivedAt: world.now, answers: 0, cancelled: false }
    this.requests.push(request)
    const job: Job = {
      inputs: [Layouts.tensor(this.requests.length % 256, plan.rows, plan.width)],
      outputs,
      batchSize: plan.rows,
      priority: plan.priority,
      timeoutMicros: plan.timeout * unit / 1000,
      deadlineMicros: plan.deadline * unit / 1000
    }
    const fiber: Fiber.Fiber<JobResult, JobFailure> = world.fork(loaded.scheduler!.submit(job))
    fiber.addObserver((exit) => this.answered(loaded, request, exit))
    if (plan.cancelAfter > 0) {
      world.schedule(world.now + plan.cancelAfter * unit, () => {
        if (request.answers > 0) return
        request.cancelled = true
        fiber.interruptUnsafe()
      })
    }
  }

  /** Its place went to others: whether it had to is judged where one queue is simulated. */
  private madeWay(exit: Exit.Failure<JobResult, JobFailure>): boolean {
    return String(exit.cause).includes("leaves too little time")
  }

  private answered(loaded: Loaded, request: Request, exit: Exit.Exit<JobResult, JobFailure>): void {
    const { model, world } = this
    request.answers++
    model.looked(loaded)
    if (Exit.isSuccess(exit)) return exit.value.release()
    const failure = Cause.findErrorOption(exit.cause)
    const tag = Option.isSome(failure) ? failure.value._tag : Cause.hasInterrupts(exit.cause) ? "Interrupted" : "Defect"
    const deadline = request.arrivedAt + request.plan.deadline * unit
    const isRight = tag === "Interrupted"
      ? request.cancelled
      : tag === "DeadlineExceeded"
      ? request.plan.deadline > 0 && (world.now === deadline || (world.now < deadline && this.madeWay(exit)))
      : tag === "Stopping"
      ? loaded.closing
      : tag !== "Defect"
    if (!isRight) model.violated("outcome", `a request of model ${loaded.index} ended with ${tag} at ${world.now}`)
  }
}

/** What did not hold. */
export const simulate = (plan: RatePlan): ReadonlyArray<Violation> => new RateSimulation(plan).run()
