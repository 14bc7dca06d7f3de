/** Runs a plan against the batcher of sequences and reports what did not hold. */
import { Effect, Exit, type Fiber, Scope } from "effect"
import * as SequenceLayout from "../../../src/layers/scheduling/internal/sequence/SequenceLayout.ts"
import * as SequenceBatcher from "../../../src/layers/scheduling/SequenceBatcher.ts"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import type { Job, JobFailure, JobResult, ModelScheduler, QueueOptions } from "../../../src/services/Scheduler.ts"
import { Machines } from "../Machines.ts"
import { unit } from "../Plan.ts"
import { World } from "../World.ts"
import * as Accumulator from "./Accumulator.ts"
import { type Property, SequenceModel, type Told, type Violation } from "./SequenceModel.ts"
import { type CallerPlan, ids, type SequencePlan } from "./SequencePlan.ts"
import { Step } from "./Sequences.ts"

/** What a batcher is opened with. */
export interface Opening {
  readonly plan: SequencePlan
  readonly version: QueueOptions
  readonly layout: SequenceLayout.SequenceLayout
  readonly options: SequenceBatcher.Options
}

/** The batcher that is put to the test. */
export type Subject = (opening: Opening) => Effect.Effect<ModelScheduler, never, Scope.Scope>

/** The batcher as it is. */
export const subject: Subject = ({ layout, options, version }) => SequenceBatcher.open(version, layout, options)

class SequenceSimulation {
  private readonly world = new World()
  private readonly begin = this.world.now
  private readonly plan: SequencePlan
  private readonly model: SequenceModel
  private readonly machines: Machines
  private readonly scope = Scope.makeUnsafe()
  private scheduler: ModelScheduler | undefined
  private cells = 0

  constructor(plan: SequencePlan) {
    const { world } = this
    this.plan = plan
    const model = this.model = new SequenceModel(world, plan)
    this.machines = new Machines(world, plan, {
      started: (run) => model.started(run),
      begun: (run) => model.begun(run),
      withdrawn: (run) => model.withdrawn(run),
      answered: (run, exit) => model.ended(run, exit),
      violated: (property, what) => model.violated(property as Property, what),
      polled: () => {},
      lent: (machine) => model.lent(machine),
      crashed: (machine) => model.crashed(machine),
      sequenceEnded: (machine, id, why) => model.sequenceEnded(machine, id, why),
      // All runs end at the same time within a unit, at which nothing else happens.
      endsAt: (run) => this.at(Math.floor((world.now - this.begin) / unit) + run.plan.duration, "run"),
      outputsOf: (run) => Accumulator.outputsOf(plan, run)
    })
    model.machines = this.machines
  }

  private at(units: number, kind: keyof typeof Accumulator.offset): number {
    return this.begin + Accumulator.microsOf(units, kind) * 1000
  }

  run(open: Subject): ReadonlyArray<Violation> {
    const { machines, model, plan, world } = this
    this.open(open)
    if (this.scheduler === undefined) return [...model.violations, { property: "lanes", what: "it did not open" }]
    for (const [index, caller] of plan.callers.entries()) this.call(index + 1, caller, 0, caller.at, false)
    if (plan.endsAt > 0) {
      world.schedule(this.at(plan.endsAt, "end"), () => {
        model.enter().endAll()
        this.scheduler!.endSequences!()
      })
    }
    world.schedule(this.at(plan.closesAt, "close"), () => this.close())
    try {
      world.run(() => model.rest(this.told))
    } catch (cause) {
      model.violated("no-deadlock", `the scheduler threw ${cause instanceof Error ? cause.stack : cause}`)
    }
    model.end(this.told, machines.unreleased)
    return model.violations
  }

  private get told(): Told {
    const { cells } = this
    const { depth, holds, sequences } = this.scheduler!
    return { holds: holds!, sequences: sequences!, depth, cells }
  }

  private open(open: Subject): void {
    const { plan } = this
    const config = Accumulator.configOf(plan)
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
      signature: ModelSignature.make(config),
      states: Accumulator.statesOf(plan),
      instances: this.machines.instances,
      statistics: new Books("m", 1, () => 0)
    }
    const memory = {
      acquire: (byteLength: number) => ({
        bytes: new Uint8Array(new SharedArrayBuffer(byteLength)),
        release: this.machines.releasable("memory")
      }),
      usage: () => ({ idle: 0, inUse: 0 })
    }
    const options: SequenceBatcher.Options = {
      maxQueueSize: plan.maxQueueSize,
      maxBacklog: plan.maxBacklog,
      drain: `${Accumulator.microsOf(plan.drain, "drain") - Accumulator.offset.close} micros`
    }
    const layout = this.counted(SequenceLayout.make({ ...version, memory }))
    this.world.fork(Effect.map(Scope.provide(open({ plan, version, layout, options }), this.scope), (opened) => {
      this.scheduler = opened
    }))
    this.world.settle()
  }

  /** Counts the states that are kept. */
  private counted(layout: SequenceLayout.SequenceLayout): SequenceLayout.SequenceLayout {
    return {
      ...layout,
      open: () => {
        const cell = layout.open()
        const { close } = cell
        let isOpen = true
        this.cells++
        return Object.assign(cell, {
          close: () => {
            if (isOpen) this.cells--
            isOpen = false
            close()
          }
        })
      }
    }
  }

  private close(): void {
    const { model, world } = this
    model.enter().closing = true
    const drained = this.begin + (Accumulator.microsOf(this.plan.closesAt, "close") +
          Accumulator.microsOf(this.plan.drain, "drain") - Accumulator.offset.close) * 1000
    world.schedule(drained, () => {
      if (!model.closed) model.enter().endAll()
    })
    world.fork(Scope.close(this.scope, Exit.void)).addObserver(() => {
      model.closed = true
    })
  }

  /** Sends a step of a caller, and sees to the next one. */
  private call(owner: number, caller: CallerPlan, index: number, units: number, begins: boolean): void {
    const plan = caller.steps[index]
    if (plan === undefined) return
    const { model, world } = this
    world.schedule(this.begin + units * unit, () => {
      if (model.closed) return
      const step = new Step(
        model.steps.length + 1,
        plan,
        owner,
        ids[caller.id]!,
        plan.start || begins,
        world.now
      )
      const following = caller.steps[index + 1]
      const fiber = this.submit(step, (failed) => {
        if (following?.waits !== true) return
        const now = Math.ceil((world.now - this.begin) / unit)
        this.call(owner, caller, index + 1, now + following.gap, failed && caller.beginsAgain)
      })
      if (plan.cancelAfter > 0) {
        world.schedule(world.now + Accumulator.microsOf(plan.cancelAfter, "cancel") * 1000, () => {
          if (step.answers > 0 || step.expected !== undefined) return
          model.cancel(step)
          fiber.interruptUnsafe()
        })
      }
      if (following?.waits === false) this.call(owner, caller, index + 1, units + following.gap, false)
    })
  }

  private submit(step: Step, over: (failed: boolean) => void): Fiber.Fiber<JobResult, JobFailure> {
    const { model, plan, world } = this
    const { id, number, owner, plan: { end, extra, value, wide }, start } = step
    const rows = wide && plan.maxBatchSize > 1 ? 2 : 1
    const job: Job = {
      inputs: [Accumulator.input(plan, number, owner, value, extra, rows)],
      outputs: ["Y"],
      // Without batches no request has two rows; the scheduler is told so all the same.
      batchSize: wide ? 2 : 1,
      priority: 0,
      timeoutMicros: step.micros("timeout"),
      deadlineMicros: step.micros("deadline"),
      request: {
        id: String(number),
        inputs: [],
        outputs: [],
        parameters: new Map(),
        priority: 0,
        timeoutMicros: 0,
        deadlineMicros: 0,
        sequence: { id, start, end }
      }
    }
    // The server looks for ends of runs first.
    while (plan.polls && this.machines.all.some(({ runs }) => runs[0]?.state === "ended")) this.machines.poll()
    model.arrive(step)
    const fiber = world.fork(this.scheduler!.submit(job))
    step.submitted = true
    fiber.addObserver((exit) => {
      model.answered(step, exit)
      over(Exit.isFailure(exit))
    })
    return fiber
  }
}

/** What did not hold. */
export const simulate = (plan: SequencePlan, open: Subject = subject): ReadonlyArray<Violation> =>
  new SequenceSimulation(plan).run(open)
