/** Compares what a batcher of sequences does, at the moment it does it, with what the rules say. */
import { Cause, Exit, Option } from "effect"
import { isNotBegun } from "../../../src/layers/scheduling/internal/Lanes.ts"
import type { ExecutionResult, RunFailure, SequenceEnd } from "../../../src/services/Executor.ts"
import type { JobFailure, JobResult } from "../../../src/services/Scheduler.ts"
import type { Machine, Machines, Run } from "../Machines.ts"
import type { World } from "../World.ts"
import * as Accumulator from "./Accumulator.ts"
import type { SequencePlan } from "./SequencePlan.ts"
import { type Hook, type Sequence, Sequences, type Step } from "./Sequences.ts"

export type Property =
  | "once"
  | "outcome"
  | "own-state"
  | "order"
  | "one-in-flight"
  | "slot"
  | "maximum"
  | "keys"
  | "padding"
  | "controls"
  | "gathers"
  | "leaves"
  | "prompt"
  | "idle"
  | "ordering"
  | "hooks"
  | "released"
  | "lanes"
  | "one-at-a-time"
  | "no-deadlock"
  | "closing"

export interface Violation {
  readonly property: Property
  readonly what: string
}

/** What the scheduler says of itself. */
export interface Told {
  readonly holds: (id: bigint | string) => boolean
  readonly sequences: () => number
  readonly depth: () => { readonly waiting: number; readonly running: number }
  /** States that are kept. */
  readonly cells: number
}

const shown = ({ id }: { readonly id: bigint | string }): string => typeof id === "string" ? `"${id}"` : String(id)

export class SequenceModel {
  readonly violations: Array<Violation> = []
  readonly rules: Sequences
  readonly steps: Array<Step> = []
  machines: Machines | undefined
  closed = false
  private readonly plan: SequencePlan
  private readonly world: World
  private readonly running = new Map<Run, ReadonlyArray<Step>>()
  /** Runs that the rules took back and the scheduler has not yet. */
  private readonly takenBack = new Set<Run>()
  private readonly told: Array<Hook> = []
  /** Batches in the order in which they were started, whose answers keep that order. */
  private readonly inOrder: Array<ReadonlyArray<Step>> = []

  constructor(world: World, plan: SequencePlan) {
    this.world = world
    this.plan = plan
    this.rules = new Sequences(plan)
  }

  violated(property: Property, what: string): void {
    this.violations.push({ property, what: `at ${this.world.now}: ${what}` })
  }

  /** Everything that the rules do by themselves has happened up to now. */
  enter(): Sequences {
    const { rules, world } = this
    for (let due = rules.dueAt; due <= world.now; due = rules.dueAt) {
      rules.now = Math.max(rules.now, due)
      rules.together(() => {
        while (rules.dueAt <= rules.now) rules.expire((run) => this.takeBack(run))
      })
    }
    rules.now = world.now
    return rules
  }

  private takeBack(run: Run): void {
    const steps = this.running.get(run)!
    this.running.delete(run)
    this.inOrder.splice(this.inOrder.indexOf(steps), 1)
    this.takenBack.add(run)
    this.rules.takenBack(steps)
  }

  /** A step is about to be submitted; what it will be refused with, if it will. */
  arrive(step: Step): void {
    const rules = this.enter()
    this.steps.push(step)
    const refusal = rules.refusal(step)
    if (refusal === undefined) rules.accept(step)
    else step.expected = { tag: refusal.tag, at: this.world.now }
  }

  cancel(step: Step): void {
    const rules = this.enter()
    const { run } = step
    if (run !== undefined && !step.begun && step.sequence!.flight === step) this.takeBack(run)
    rules.cancel(step)
  }

  started(run: Run): void {
    const rules = this.enter()
    const rows = Accumulator.rowsOf(this.plan, run.inputs)
    const seat = rules.seats.findIndex(({ machine }) => machine === run.machine)
    if (seat < 0) return this.violated("lanes", `instance ${run.machine.index}, which is lost, runs something`)
    if (rows.length > Math.max(1, this.plan.maxBatchSize)) this.violated("maximum", `a batch has ${rows.length} rows`)
    const members: Array<Step> = []
    const ready = this.readyOn(seat)
    for (const [index, row] of rows.entries()) {
      const step = row.number === 0 ? undefined : this.steps[row.number - 1]
      if (step === undefined) this.checkPadding(row)
      else if (this.checkMember(step, row, index, seat)) members.push(step)
    }
    if (new Set(rows.map(({ width }) => width)).size > 1) this.violated("keys", "a batch mixes shapes")
    this.checkGathering(ready, members, rows.length)
    if (members.length === 0) this.violated("padding", "a batch is of nobody")
    this.running.set(run, members)
    this.inOrder.push(members)
    for (const step of members) rules.started(step, run)
    for (const step of members) if (this.plan.strategy === "direct" && step.plan.end) rules.vacate(step.sequence!)
  }

  /** Steps of an instance that may run, those first that could first. */
  private readyOn(seat: number): ReadonlyArray<Sequence> {
    const { slots } = this.rules.seats[seat]!
    const ready = slots.filter((one): one is Sequence => one?.next !== undefined && one.flight === undefined)
    return this.plan.strategy === "direct" ? ready : ready.sort((a, b) => a.readyAt - b.readyAt)
  }

  private checkPadding(row: Accumulator.Row): void {
    if (this.plan.strategy === "oldest") this.violated("padding", "a batch of Oldest is padded")
    if (
      row.ready || row.start || row.end || (row.id !== undefined && row.id !== 0n && row.id !== "") || row.value !== 0
    ) {
      this.violated("padding", `a row of nobody says ${JSON.stringify({ ...row, id: String(row.id) })}`)
    }
  }

  private checkMember(step: Step, row: Accumulator.Row, index: number, seat: number): boolean {
    const { sequence } = step
    const what = `step ${step.number} of ${shown(step)}`
    if (sequence === undefined || step.expected !== undefined) {
      this.violated("outcome", `${what} runs, and was to be answered ${step.expected?.tag}`)
      return false
    }
    if (sequence.flight !== undefined) {
      this.violated("one-in-flight", `${what} runs beside step ${sequence.flight.number}`)
      return false
    }
    if (sequence.steps[0] !== step) {
      this.violated("order", `${what} runs before step ${sequence.steps[0]?.number}`)
      return false
    }
    if (sequence.seat !== seat || (this.plan.strategy === "direct" && sequence.slot !== index)) {
      this.violated(
        "slot",
        `${what} runs on seat ${seat}, row ${index}, and has slot ${sequence.slot} of ${sequence.seat} (${sequence.place})`
      )
      return false
    }
    const start = step.start || !sequence.begun
    const id = this.plan.kind === "both" ? undefined : step.id
    if (!row.ready || row.start !== start || row.end !== step.plan.end || row.id !== id) {
      this.violated("controls", `${what} is told ready ${row.ready}, start ${row.start}, end ${row.end}, id ${row.id}`)
    }
    const { owner, sum } = sequence.state
    if (row.state !== undefined && (row.state.owner !== owner || row.state.sum !== sum)) {
      this.violated(
        "own-state",
        `${what} reads ${row.state.sum} of ${row.state.owner}, and its sequence is at ${sum} of ${owner}`
      )
    }
    return true
  }

  /** A batch has the steps that the rules name, and leaves no sooner than they say. */
  private checkGathering(ready: ReadonlyArray<Sequence>, members: ReadonlyArray<Step>, rows: number): void {
    if (this.plan.strategy === "direct") {
      const [, ...others] = ready
      const oldest = others.reduce(
        (best, one) => one.next!.arrivedAt < best.next!.arrivedAt ? one : best,
        ready[0] ?? { next: undefined } as Sequence
      )
      const expected = ready.filter(({ next }) => next!.width === oldest.next!.width)
      const names = (steps: ReadonlyArray<Step>) => steps.map(({ number }) => number).join()
      if (names(members) !== names(expected.map(({ next }) => next!))) {
        this.violated(
          "gathers",
          `a round runs ${names(members)}, and ${names(expected.map(({ next }) => next!))} were ready`
        )
      }
      if (ready.length > 0 && rows !== ready.at(-1)!.slot + 1) {
        this.violated("gathers", `a round has ${rows} rows, and the highest slot is ${ready.at(-1)!.slot}`)
      }
      if (!this.isDue(ready)) this.violated("gathers", `a round of ${ready.length} leaves too soon`)
      return
    }
    const chosen = new Set(members)
    const latest = Math.max(...members.map(({ sequence }) => sequence!.readyAt))
    const passed = ready.find(({ next, readyAt }) => !chosen.has(next!) && readyAt < latest)
    if (passed !== undefined) this.violated("order", `step ${passed.next!.number} was ready before others that run`)
    const { delay, maxBatchSize, preferred } = this.plan
    const isFull = rows >= Math.max(1, maxBatchSize) || preferred.some((size) => rows >= size) ||
      members.length < ready.length
    const age = this.world.now - Math.min(...members.map(({ sequence }) => sequence!.readyAt))
    if (delay > 0 && !isFull && !this.rules.closing && age < Accumulator.microsOf(delay, "delay") * 1000) {
      this.violated("gathers", `a batch of ${rows} leaves after ${age} ns`)
    }
  }

  /** What is ready is not to wait for more. */
  private isDue(ready: ReadonlyArray<Sequence>): boolean {
    const { delay, maxBatchSize, preferred, strategy, utilization } = this.plan
    const nanos = Accumulator.microsOf(delay, "delay") * 1000
    if (delay === 0 || this.rules.closing) return true
    const { now } = this.world
    if (strategy === "direct") {
      const age = now - Math.min(...ready.map(({ next }) => next!.arrivedAt))
      return utilization === 0 || ready.length / this.rules.slotsPerSeat >= utilization || age >= nanos
    }
    const width = ready[0]!.next!.width
    const different = ready.findIndex(({ next }) => next!.width !== width)
    const rows = different < 0 ? ready.length : different
    return different >= 0 || rows >= Math.max(1, maxBatchSize) || preferred.some((size) => rows >= size) ||
      now - ready[0]!.readyAt >= nanos
  }

  begun(run: Run): void {
    this.enter()
    for (const step of this.running.get(run) ?? []) {
      step.begun = true
      step.sequence!.ranOn = run.machine
    }
  }

  withdrawn(run: Run): void {
    this.enter()
    if (!this.takenBack.delete(run)) this.violated("outcome", "a run was taken back without need")
  }

  crashed(machine: Machine): void {
    const rules = this.enter()
    const lost = machine.runs.filter((run) => this.running.has(run))
    rules.crashed(
      machine,
      lost.map((run) => ({ steps: this.running.get(run)!, begun: run.state !== "ready" }))
    )
    for (const run of lost) {
      this.inOrder.splice(this.inOrder.indexOf(this.running.get(run)!), 1)
      this.running.delete(run)
    }
    this.enter().assign()
  }

  ended(run: Run, exit: Exit.Exit<ExecutionResult, RunFailure>): void {
    const rules = this.enter()
    const steps = this.running.get(run)
    if (steps === undefined) return
    this.running.delete(run)
    if (isNotBegun(exit)) return
    rules.ended(steps, Exit.isFailure(exit))
  }

  lent(machine: Machine): void {
    this.enter().arrived(machine)
  }

  sequenceEnded(machine: Machine, id: bigint | string, why: SequenceEnd): void {
    this.enter()
    this.told.push({ machine, id, why })
  }

  answered(step: Step, exit: Exit.Exit<JobResult, JobFailure>): void {
    const rules = this.enter()
    step.answers++
    if (step.answers > 1) return this.violated("once", `step ${step.number} was answered again`)
    const failure = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none()
    const tag = Exit.isSuccess(exit)
      ? "Success"
      : Option.isSome(failure)
      ? failure.value._tag
      : Cause.hasInterrupts(exit.cause)
      ? "Interrupted"
      : "Defect"
    const isHeld = rules.isHeld(step)
    if (isHeld) rules.answered(step)
    const { expected } = step
    const what = `step ${step.number} of ${shown(step)} was answered ${tag}`
    if (Exit.isSuccess(exit)) this.checkState(step, exit.value)
    if (expected === undefined) return this.violated(tag === "Success" ? "once" : "outcome", `${what}, and is not over`)
    if (expected.tag !== tag) {
      const text = Exit.isFailure(exit) ? String(exit.cause) : ""
      return this.violated("outcome", `${what}, not ${expected.tag} ${text}`)
    }
    if (!isHeld && expected.at !== this.world.now) this.violated("prompt", `${what}, which was due at ${expected.at}`)
    if (isHeld && step.run?.machine !== undefined) this.checkOrder(step)
  }

  /** With `preserve_ordering` those of an instance are answered in the order in which their batches began. */
  private checkOrder(step: Step): void {
    for (const steps of this.inOrder) {
      if (steps.includes(step)) return
      const first = steps.find(({ answers, run, submitted }) =>
        submitted && answers === 0 && run?.machine === step.run!.machine
      )
      if (first !== undefined && !first.cancelled) {
        return this.violated("ordering", `step ${step.number} was answered before ${first.number}`)
      }
    }
  }

  private checkState(step: Step, result: JobResult): void {
    const { number, owner, sum } = Accumulator.answerOf(result.outputs)
    result.release()
    const state = step.expected?.state
    if (number !== step.number || state === undefined || state.owner !== owner || state.sum !== sum) {
      this.violated(
        "own-state",
        `step ${step.number} got ${sum} of ${owner} as the answer to ${number}, not ${state?.sum} of ${state?.owner}`
      )
    }
  }

  /** Everything of one time has happened. */
  rest(told: Told): void {
    const rules = this.enter()
    this.checkAnswers()
    this.checkHooks()
    for (const [seat, { machine }] of rules.seats.entries()) {
      if (machine === undefined || machine.runs.length > 0) continue
      const ready = this.readyOn(seat)
      if (ready.length > 0 && this.isDue(ready)) {
        this.violated("leaves", `instance ${machine.index} is idle and step ${ready[0]!.next!.number} waits`)
      }
    }
    for (const sequence of rules.all) {
      const id = sequence.id
      if (told.holds(id) !== rules.live.has(id)) {
        this.violated("idle", `sequence ${shown(sequence)} is ${rules.live.has(id) ? "" : "not "}alive`)
      }
    }
    const { size } = rules.live
    if (told.sequences() !== size) this.violated("idle", `${told.sequences()} sequences are said to live, not ${size}`)
    const open = rules.all.filter(({ open }) => open).length
    if (told.cells !== open) this.violated("released", `${told.cells} states are kept, not ${open}`)
    // An end that the server has not noticed is none to it.
    const lies = ([run]: readonly [Run, unknown]) => run.machine.runs[0] !== run
    const lying = [...this.running].filter(lies).reduce((sum, [, { length }]) => sum + length, 0)
    const { waiting } = told.depth()
    if (waiting !== rules.waiting.size + lying) {
      this.violated("outcome", `${waiting} are said to wait, not ${rules.waiting.size + lying}`)
    }
    for (const run of this.takenBack) {
      this.violated("leaves", `a run on instance ${run.machine.index} was not taken back`)
    }
    this.takenBack.clear()
  }

  private checkAnswers(): void {
    for (const step of this.steps) {
      const { answers, expected, number } = step
      if (answers > 0 || expected === undefined || this.rules.isHeld(step)) continue
      this.violated("prompt", `step ${number} was not answered ${expected.tag} at ${expected.at}`)
    }
  }

  private checkHooks(): void {
    const { hooks } = this.rules
    for (const { id, machine, why } of this.told.splice(0)) {
      // Whoever was cancelled while it ran may as well be lost with its instance.
      const given = machine.up ? [why] : [why, "lost", "cancelled"]
      const at = hooks.findIndex((hook) => hook.id === id && hook.machine === machine && given.includes(hook.why))
      if (at < 0) this.violated("hooks", `instance ${machine.index} was told that ${shown({ id })} is ${why}`)
      else hooks.splice(at, 1)
    }
    for (const { id, machine, why } of hooks.splice(0)) {
      this.violated("hooks", `instance ${machine.index} was not told that ${shown({ id })} is ${why}`)
    }
  }

  /** Nothing is left. */
  end(told: Told, unreleased: number): void {
    if (this.world.runaway) this.violated("no-deadlock", "it never came to rest")
    for (const { answers, number } of this.steps) {
      if (answers !== 1) this.violated("once", `step ${number} was answered ${answers} times`)
    }
    if (!this.closed) this.violated("closing", "the queue never closed")
    if (told.cells > 0) this.violated("released", `${told.cells} states are left`)
    if (unreleased > 0) this.violated("released", `${unreleased} results or batches are left`)
  }
}
