/** Runs one plan: an ensemble over models that the plan drives, beside the account of the rules. */
import { Cause, Effect, Exit, type Fiber, References, Result, Scope } from "effect"
import * as EnsembleScheduler from "../../../src/layers/ensemble/EnsembleScheduler.ts"
import * as Answering from "../../../src/layers/inference/Answering.ts"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import { ExecutionFailed, type LoadFailed } from "../../../src/schema/Errors.ts"
import type { InferenceResponse, Tensor } from "../../../src/schema/Inference.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import type { Model } from "../../../src/services/ModelRepository.ts"
import type { Job, JobFailure, JobResult, ModelScheduler } from "../../../src/services/Scheduler.ts"
import { World } from "../World.ts"
import * as Graph from "./DagGraph.ts"
import { type Ask, type Call, DagModel, inputMarks, type Violation } from "./DagModel.ts"
import type { Action, AskPlan, DagPlan } from "./DagPlan.ts"

/** What is simulated: `EnsembleScheduler.open`, or one with a bug. */
export type Subject = (
  options: EnsembleScheduler.Options
) => Effect.Effect<ModelScheduler, LoadFailed, Scope.Scope>

export const subject: Subject = EnsembleScheduler.open

interface Running {
  readonly ask: Ask
  readonly finish: () => void
}

const marks = (name: string, values: ReadonlyArray<number>): Tensor => ({
  name,
  datatype: "INT32",
  shape: [values.length],
  data: new Uint8Array(Int32Array.from(values).buffer)
})
const decision = (name: string, value: boolean): Tensor => ({
  name,
  datatype: "BOOL",
  shape: [1],
  data: Uint8Array.of(value ? 1 : 0)
})
const valuesOf = ({ data, datatype }: Tensor): ReadonlyArray<number> | boolean =>
  datatype === "BOOL" ? data[0] === 1 : [...new Int32Array(data.slice().buffer)]

class Simulation {
  readonly model: DagModel
  readonly calls: Array<Call> = []
  private readonly world = new World()
  private readonly graph: Graph.Graph
  private readonly running = new Set<Running>()
  private readonly fibers = new Map<number, Fiber.Fiber<InferenceResponse, JobFailure>>()
  private readonly responses: Array<{ readonly call: Call; readonly release: () => void }> = []
  private readonly models: ReadonlyArray<Model>
  private readonly ensemble: Model & { readonly statistics: Books }
  private readonly scope = Scope.makeUnsafe()
  private readonly plan: DagPlan
  private asks = 0
  private closing: Fiber.Fiber<void> | undefined = undefined
  private succeeded = 0
  private readonly failures = { OTHER: 0, CANCELED: 0 }

  constructor(plan: DagPlan, subject: Subject) {
    this.plan = plan
    this.graph = Graph.make(plan)
    this.model = new DagModel(this.graph, plan.maxInflight)
    this.models = this.graph.steps.map((step) => this.modelOf(step))
    const config = Graph.ensembleConfig(this.graph, plan.maxInflight)
    const signature = ModelSignature.make(config)
    const statistics = new Books("e", 1, () => 0)
    const opened = this.world.fork(
      Scope.provide(
        subject({
          config,
          version: 1,
          signature,
          statistics,
          lookup: (name) => Result.succeed(this.models[Number(name.slice(1))]!)
        }).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
        this.scope
      )
    ).pollUnsafe()
    if (opened === undefined || Exit.isFailure(opened)) throw new Error(`not opened: ${opened?.cause}`)
    this.ensemble = {
      name: "e",
      version: 1,
      config,
      signature,
      statistics,
      healthy: () => true,
      scheduler: opened.value
    }
  }

  run(): ReadonlyArray<Violation> {
    this.after(() => this.submit())
    for (const action of this.plan.actions) this.after(() => this.act(action))
    for (let left = 1000; this.running.size > 0; left--) {
      if (left === 0) {
        this.violate("rest", "steps never end")
        break
      }
      this.after(() => this.act({ kind: "finish", pick: left }))
    }
    while (this.responses.length > 0 && this.model.violations.length === 0) {
      this.after(() => this.act({ kind: "release", pick: 0 }))
    }
    if (this.calls.some(({ answer }) => answer === undefined)) this.violate("rest", "a call was never answered")
    this.after(() => this.act({ kind: "close" }))
    return this.model.violations
  }

  private violate(property: Violation["property"], what: string): void {
    this.model.violations.push({ property, what })
  }

  private after(what: () => void): void {
    if (this.model.violations.length > 0) return
    what()
    this.world.settle()
    this.model.look(this.calls)
    const open = this.calls.filter(({ answer }) => answer === undefined).length
    const counts = this.ensemble.statistics.counts()
    const is = [
      counts.success.count,
      counts.failures.OTHER,
      counts.failures.CANCELED,
      counts.fail.count,
      counts.executing
    ]
    const due = [
      this.succeeded,
      this.failures.OTHER,
      this.failures.CANCELED,
      this.failures.OTHER + this.failures.CANCELED,
      open
    ]
    if (is.join() !== due.join()) {
      this.violate("statistics", `success, other, canceled, fail, executing are ${is}, due ${due}`)
    }
    if (this.closing !== undefined && (this.closing.pollUnsafe() !== undefined) !== (open === 0)) {
      this.violate("closing", `closed: ${this.closing.pollUnsafe() !== undefined}, ${open} calls open`)
    }
  }

  private act(action: Action): void {
    switch (action.kind) {
      case "submit":
        return this.submit()
      case "finish":
        return [...this.running][action.pick % Math.max(1, this.running.size)]?.finish()
      case "cancel": {
        const open = this.calls.flatMap((call, number) => call.answer === undefined ? [number] : [])
        const number = open[action.pick % Math.max(1, open.length)]
        if (number === undefined) return
        this.calls[number]!.cancelled = this.calls[number]!.failedAt === undefined
        return this.fibers.get(number)!.interruptUnsafe()
      }
      case "release": {
        const [response] = this.responses.splice(action.pick % Math.max(1, this.responses.length), 1)
        if (response === undefined) return
        response.call.returned = true
        return response.release()
      }
      case "close":
        this.closing ??= this.world.fork(Scope.close(this.scope, Exit.void))
    }
  }

  private submit(): void {
    const number = this.calls.length
    const plan = this.plan.requests[number]
    if (plan === undefined) return
    const { outputs } = this.graph
    const wanted = plan.outputs.length === 0
      ? outputs
      : [...new Set(plan.outputs.map((pick) => outputs[pick % outputs.length]!))]
    const call: Call = {
      plan,
      wanted,
      asks: [],
      failedAt: undefined,
      cancelled: false,
      answer: undefined,
      returned: false
    }
    this.calls.push(call)
    const isClosing = this.closing !== undefined
    const fiber = this.world.fork(Answering.infer(this.ensemble, {
      id: String(number),
      inputs: [
        ...this.graph.inputs.map((name, input) => marks(name, inputMarks(plan, input))),
        decision(Graph.flag, plan.flag)
      ],
      outputs: plan.outputs.length === 0 ? [] : wanted.map((name) => ({ name, classification: 0 })),
      parameters: new Map(),
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: 0,
      sequence: undefined
    }))
    this.fibers.set(number, fiber)
    fiber.addObserver((exit) => this.answered(call, number, exit, isClosing))
  }

  private answered(
    call: Call,
    number: number,
    exit: Exit.Exit<InferenceResponse, JobFailure>,
    isClosing: boolean
  ): void {
    if (call.answer !== undefined) this.violate("once", `call ${number} was answered twice`)
    const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
    if (isClosing) {
      call.answer = "refused"
      if (failure?._tag !== "Stopping") this.violate("closing", `call ${number} got in while closing`)
      return
    }
    if (Exit.isSuccess(exit)) {
      call.answer = "success"
      this.succeeded++
      if (call.failedAt !== undefined || call.cancelled) {
        this.violate("outcome", `call ${number} has failed and got an answer`)
      }
      this.model.answered(call, number, new Map(exit.value.outputs.map((output) => [output.name, valuesOf(output)])))
      this.responses.push({ call, release: exit.value.release })
      return
    }
    call.answer = "failure"
    if (call.cancelled) this.failures.CANCELED++
    else this.failures.OTHER++
    const due = call.cancelled
      ? undefined
      : `in ensemble 'e', step ${call.failedAt} broke (step ${call.failedAt}, model 'm${call.failedAt}')`
    // Who is cancelled while it fails may hear of either.
    if (failure?.message !== due && !(failure === undefined && Cause.hasInterruptsOnly(exit.cause))) {
      this.violate("outcome", `call ${number} got ${failure?.message ?? exit.cause}, due ${due}`)
    }
  }

  private modelOf(step: Graph.GraphStep): Model {
    const config = Graph.modelConfig(step)
    return {
      name: config.name,
      version: 1,
      config,
      signature: ModelSignature.make(config),
      statistics: new Books(config.name, 1, () => 0),
      healthy: () => true,
      scheduler: { depth: () => ({ waiting: 0, running: 0 }), submit: (job) => this.ask(step, job) }
    }
  }

  private ask(step: Graph.GraphStep, job: Job): Effect.Effect<JobResult, JobFailure> {
    return Effect.callback((resume) => {
      const request = Number(job.request!.id)
      const call = this.calls[request]!
      const plan = this.plan.asks[this.asks++ % this.plan.asks.length]!
      this.model.asked(this.calls, request, step.index)
      const inputs = step.reads.map((_, place) => {
        const given = job.inputs.find(({ name }) => name === `x${place}`)
        return given === undefined ? undefined : valuesOf(given) as ReadonlyArray<number>
      })
      const ask: Ask = { request, step: step.index, inputs, state: "running", released: 0 }
      call.asks.push(ask)
      const end = () => this.end(step, job, call, ask, plan)
      if (plan.atOnce) return resume(end())
      const running: Running = {
        ask,
        finish: () => {
          this.running.delete(running)
          resume(end())
        }
      }
      this.running.add(running)
      return this.interruption(ask, running, plan)
    })
  }

  private end(
    step: Graph.GraphStep,
    job: Job,
    call: Call,
    ask: Ask,
    { fails }: AskPlan
  ): Exit.Exit<JobResult, JobFailure> {
    if (fails) {
      ask.state = "failed"
      if (!call.cancelled) call.failedAt ??= step.index
      return Exit.fail(new ExecutionFailed({ model: `m${step.index}`, message: `step ${step.index} broke` }))
    }
    ask.state = "answered"
    return Exit.succeed({
      outputs: job.outputs.map((name) => {
        if (name === "b") return decision(name, Graph.decisionOf(step.index, ask.inputs))
        const make = step.divides ? Graph.partOf : Graph.wholeOf
        return marks(name, make(step.index, Number(name.slice(1)), ask.inputs))
      }),
      begunAtNanos: 0,
      computeInputNanos: 0,
      computeInferNanos: 0,
      computeOutputNanos: 0,
      queueNanos: 0,
      batchRows: 1,
      release: () => void ask.released++
    })
  }

  private interruption(ask: Ask, running: Running, { stubborn }: AskPlan): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.running.delete(running)
      if (!stubborn) {
        ask.state = "interrupted"
        return resume(Effect.void)
      }
      ask.state = "ending"
      const ending: Running = {
        ask,
        finish: () => {
          this.running.delete(ending)
          ask.state = "interrupted"
          resume(Effect.void)
        }
      }
      this.running.add(ending)
    })
  }
}

/** What of the rules does not hold in the schedule of a plan. */
export const simulate = (plan: DagPlan, made: Subject = subject): ReadonlyArray<Violation> =>
  new Simulation(plan, made).run()
