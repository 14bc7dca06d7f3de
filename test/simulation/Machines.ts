/** Instances that a plan runs, fails and crashes: what `Instances` promises, and a report of what it was asked to do. */
import { Deferred, Effect, Exit, Semaphore } from "effect"
import { ExecutionFailed, InstanceLost } from "../../src/schema/Errors.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { ExecutionResult, Instances, RunFailure, SequenceEnd } from "../../src/services/Executor.ts"
import { type Plan, type RunPlan, unit } from "./Plan.ts"
import type { World } from "./World.ts"

type Done = (exit: Exit.Exit<ExecutionResult, RunFailure>) => void

/** A run that was started. */
export interface Run {
  readonly machine: Machine
  readonly inputs: ReadonlyArray<Tensor>
  readonly plan: RunPlan
  readonly done: Done
  state: "ready" | "running" | "ended" | "answered" | "withdrawn"
  begunAt: number
  endedAt: number
}

export interface Machine {
  readonly index: number
  readonly lost: Deferred.Deferred<void>
  up: boolean
  lent: boolean
  /** Started and not answered, in order. */
  readonly runs: Array<Run>
}

/** Told what happens, as it happens. */
export interface Observer {
  readonly started: (run: Run) => void
  readonly begun: (run: Run) => void
  readonly withdrawn: (run: Run) => void
  /** The server is about to be told of the end. */
  readonly answered: (run: Run, exit: Exit.Exit<ExecutionResult, RunFailure>) => void
  readonly violated: (property: string, what: string) => void
  /** After the server has looked for ends of runs. */
  readonly polled: () => void
  /** The server has the instance from now on. */
  readonly lent?: (machine: Machine) => void
  /** The instance is about to be lost, and the server to be told of it. */
  readonly crashed?: (machine: Machine) => void
  readonly sequenceEnded?: (machine: Machine, id: bigint | string, why: SequenceEnd) => void
  /** When a run ends that begins now. Default: after its duration. */
  readonly endsAt?: (run: Run) => number
  /** What a run that has ended gives. Default: its first input. */
  readonly outputsOf?: (run: Run) => ReadonlyArray<Tensor>
}

/** What instances need of a plan. */
export type MachinesPlan = Pick<Plan, "instances" | "places" | "quick" | "polls" | "runs" | "crashes">

export class Machines {
  readonly all: Array<Machine> = []
  /** Results given out and not released. */
  unreleased = 0
  private readonly slots: Semaphore.Semaphore
  private readonly world: World
  private readonly plan: MachinesPlan
  private readonly observer: Observer
  private started = 0

  constructor(world: World, plan: MachinesPlan, observer: Observer) {
    this.world = world
    this.plan = plan
    this.observer = observer
    this.slots = Semaphore.makeUnsafe(plan.instances)
    for (let index = 0; index < plan.instances; index++) this.all.push(fresh(index))
    for (const crash of plan.crashes) {
      world.schedule(world.now + crash.at * unit, () => this.crash(crash.which % plan.instances, crash.down * unit))
    }
  }

  /** Lent to the scheduler and running nothing, as far as the server knows. */
  get idle(): number {
    return this.all.filter((machine) => machine.lent && machine.up && machine.runs.length === 0).length
  }

  get running(): number {
    return this.all.filter((machine) => machine.runs.length > 0).length
  }

  get instances(): Instances {
    const { observer, plan } = this
    return {
      count: plan.instances,
      slots: this.slots,
      run: () => Effect.die("the scheduler runs on instances that it was lent"),
      healthy: () => this.all.some((machine) => machine.up),
      lend: Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            const machine = this.all.find(({ lent, up }) => up && !lent)
            if (machine === undefined) {
              observer.violated("lanes", "an instance was asked for without a permit")
              return Effect.never
            }
            machine.lent = true
            observer.lent?.(machine)
            return Effect.succeed(machine)
          }),
          (machine) => Effect.sync(() => this.giveBack(machine))
        ),
        (machine) => ({
          name: `m_${machine.index}`,
          index: machine.index,
          accepts: () => machine.runs.length < plan.places,
          quick: () => plan.quick,
          start: (inputs, _outputs, done) => {
            const run = this.start(machine, inputs, done)
            return { withdraw: () => this.withdraw(run) }
          },
          sequenceEnded: (id, why) => observer.sequenceEnded?.(machine, id, why),
          lost: Deferred.await(machine.lost)
        })
      ),
      ...(plan.polls ? { poll: () => this.poll() } : {})
    }
  }

  private giveBack(machine: Machine): void {
    if (machine.runs.length > 0 && machine.up) {
      this.observer.violated("lanes", `instance ${machine.index} was given back while it ran something`)
    }
    machine.lent = false
  }

  private start(machine: Machine, inputs: ReadonlyArray<Tensor>, done: Done): Run {
    const { runs } = this.plan
    const plan = runs[this.started++ % runs.length]!
    const run: Run = { machine, inputs, plan, done, state: "ready", begunAt: 0, endedAt: 0 }
    if (!machine.lent || !machine.up) {
      this.observer.violated("lanes", `a run was started on instance ${machine.index}, which was given back or is lost`)
    }
    if (machine.runs.length >= this.plan.places) {
      this.observer.violated("one-at-a-time", `instance ${machine.index} was given a run that it does not accept`)
    }
    if (this.started > 5000) this.world.runaway = true
    machine.runs.push(run)
    this.observer.started(run)
    if (this.world.runaway) return run
    this.proceed(machine)
    return run
  }

  /** Begins what is next, where nothing runs. */
  private proceed(machine: Machine): void {
    if (!machine.up || machine.runs.some((run) => run.state === "running")) return
    const run = machine.runs.find((run) => run.state === "ready")
    if (run === undefined) return
    run.state = "running"
    run.begunAt = this.world.now
    this.observer.begun(run)
    if (run.plan.duration === 0) return this.end(run)
    const endsAt = this.observer.endsAt?.(run) ?? this.world.now + run.plan.duration * unit
    this.world.schedule(endsAt, () => {
      if (run.state === "running") this.end(run)
    })
  }

  private end(run: Run): void {
    run.state = "ended"
    run.endedAt = this.world.now
    this.proceed(run.machine)
    if (run.plan.lag === 0) return this.notice(run)
    this.world.schedule(this.world.now + run.plan.lag * unit, () => this.notice(run))
  }

  /** Answers runs of an instance that have ended, up to this one. */
  private notice(run: Run): void {
    if (run.state !== "ended") return
    const { runs } = run.machine
    while (runs[0]?.state === "ended") {
      const first = runs.shift()!
      const { begunAt } = first
      const outputs = first.plan.fails ? [] : this.observer.outputsOf?.(first) ?? [{ ...first.inputs[0]!, name: "Y" }]
      this.answer(
        first,
        first.plan.fails ? Exit.fail(new ExecutionFailed({ message: "planned", model: "m" })) : Exit.succeed({
          outputs,
          begunAtNanos: begunAt,
          // What it took the server to notice.
          computeInputNanos: this.world.now - first.endedAt,
          computeInferNanos: first.endedAt - begunAt,
          computeOutputNanos: 3,
          release: this.releasable("a result")
        })
      )
      if (first === run) return
    }
  }

  /** Counts as unreleased until it is called, once. */
  releasable(what: string): () => void {
    let released = false
    this.unreleased++
    return () => {
      if (released) return this.observer.violated("released", `${what} was released twice`)
      released = true
      this.unreleased--
    }
  }

  private answer(run: Run, exit: Exit.Exit<ExecutionResult, RunFailure>): void {
    run.state = "answered"
    this.observer.answered(run, exit)
    run.done(exit)
  }

  private withdraw(run: Run): boolean {
    if (run.state !== "ready" || !run.machine.up) return false
    run.state = "withdrawn"
    const { runs } = run.machine
    runs.splice(runs.indexOf(run), 1)
    this.observer.withdrawn(run)
    return true
  }

  /** The server looks for ends of runs. */
  poll(): void {
    for (const machine of this.all) {
      const ended = machine.runs.filter((run) => run.state === "ended")
      for (const run of ended) this.notice(run)
    }
    this.observer.polled()
  }

  private crash(index: number, down: number): void {
    const machine = this.all[index]!
    if (!machine.up) return
    for (const run of machine.runs.filter(({ state }) => state === "ended")) this.notice(run)
    this.observer.crashed?.(machine)
    machine.up = false
    this.resize()
    Deferred.doneUnsafe(machine.lost, Exit.void)
    machine.runs.splice(0).forEach((run) => {
      const begun = run.state !== "ready"
      run.endedAt = this.world.now
      this.answer(run, Exit.fail(new InstanceLost({ message: "planned", model: "m", instance: `m_${index}`, begun })))
    })
    this.world.schedule(this.world.now + down, () => {
      this.all[index] = fresh(index)
      this.resize()
    })
  }

  private resize(): void {
    this.world.fork(this.slots.resize(this.all.filter(({ up }) => up).length))
  }
}

const fresh = (index: number): Machine => ({
  index,
  lost: Deferred.makeUnsafe(),
  up: true,
  lent: false,
  runs: []
})
