/**
 * The rules of sequences, written anew from scheduling §4 and `docs/sequences.md`: which live, where each has its slot, which step is
 * next, and what every request is to be answered. It shares nothing with the code in `src`, and is told only what happens outside it.
 */
import type { SequenceEnd } from "../../../src/services/Executor.ts"
import type { Machine, Run } from "../Machines.ts"
import * as Accumulator from "./Accumulator.ts"
import type { SequencePlan, StepPlan } from "./SequencePlan.ts"

/** What a request is answered, and when: in nanoseconds. */
export interface Expected {
  readonly tag: string
  readonly at: number
  /** Of an answer that is a success. */
  readonly state?: Accumulator.State
}

/** One request. */
export class Step {
  readonly number: number
  readonly plan: StepPlan
  readonly owner: number
  readonly id: bigint | string
  readonly start: boolean
  readonly arrivedAt: number
  readonly deadlineAt: number
  readonly timeoutAt: number
  sequence: Sequence | undefined
  expected: Expected | undefined
  answers = 0
  /** Its caller waits for the answer: one that is given before cannot be seen. */
  submitted = false
  cancelled = false
  run: Run | undefined
  /** Its run has begun. */
  begun = false
  losses = 0
  /** A START that has put away what was there before. */
  opened = false

  constructor(number: number, plan: StepPlan, owner: number, id: bigint | string, start: boolean, now: number) {
    this.number = number
    this.plan = plan
    this.owner = owner
    this.id = id
    this.start = start
    this.arrivedAt = now
    this.deadlineAt = plan.deadline === 0 ? Infinity : now + this.micros("deadline") * 1000
    this.timeoutAt = plan.timeout === 0 ? Infinity : now + this.micros("timeout") * 1000
  }

  /** Microseconds; steps that arrive together differ by some. */
  micros(kind: "deadline" | "timeout"): number {
    return this.plan[kind] === 0 ? 0 : Accumulator.microsOf(this.plan[kind], kind) + this.number % 10
  }

  get width(): number {
    return 3 + this.plan.extra
  }
}

export class Sequence {
  readonly id: bigint | string
  readonly order: number
  place: "backlog" | "displaced" | "slot" | "leaving" | "over" = "backlog"
  seat = -1
  slot = -1
  heldSince = 0
  /** Those that wait, in order. */
  readonly steps: Array<Step> = []
  flight: Step | undefined
  /** The step that may run, and since when. */
  next: Step | undefined
  readyAt = 0
  /** Steps that were taken and have no answer. */
  readonly unanswered = new Set<Step>()
  idleAt = Infinity
  ending: SequenceEnd | undefined
  state = Accumulator.initial
  /** A step has succeeded since the last START. */
  begun = false
  /** The server keeps something for it. */
  open = false
  ranOn: Machine | undefined
  /** Those of the same id before it that are not over. */
  before: ReadonlyArray<Sequence> = []

  constructor(id: bigint | string, order: number) {
    this.id = id
    this.order = order
  }
}

/** Slots on an instance: any one that comes back serves the seat that has waited longest. */
interface Seat {
  machine: Machine | undefined
  readonly slots: Array<Sequence | undefined>
}

export interface Hook {
  readonly machine: Machine
  readonly id: bigint | string
  readonly why: SequenceEnd
}

/** Runs of a step that may be lost, before it is. */
const tries = 3

export class Sequences {
  readonly plan: SequencePlan
  readonly live = new Map<bigint | string, Sequence>()
  readonly all: Array<Sequence> = []
  readonly line: Array<Sequence> = []
  readonly seats: ReadonlyArray<Seat>
  /** Seats without an instance, in the order in which they lost it. */
  private readonly empty: Array<Seat>
  readonly slotsPerSeat: number
  /** Ends that the instances are to be told of. */
  readonly hooks: Array<Hook> = []
  readonly waiting = new Set<Step>()
  now = 0
  closing = false
  private unloaded = false
  private held = false
  /** Those whose idle clocks run, in the order in which these started. */
  private readonly idle = new Set<Sequence>()
  private readonly lost = new Map<bigint | string, number>()
  private readonly holding: Array<number> = []

  constructor(plan: SequencePlan) {
    this.plan = plan
    const rows = Math.max(1, plan.maxBatchSize)
    this.slotsPerSeat = plan.strategy === "oldest" && plan.candidates > 0 ? plan.candidates : rows
    this.seats = Array.from({ length: plan.instances }, () => ({
      machine: undefined,
      slots: new Array<Sequence | undefined>(this.slotsPerSeat).fill(undefined)
    }))
    this.empty = [...this.seats]
  }

  private get idleLimit(): number {
    return Accumulator.microsOf(this.plan.idle, "idle") * 1000
  }

  private get backlogged(): number {
    return this.line.filter(({ place }) => place === "backlog").reduce((sum, { steps }) => sum + steps.length, 0)
  }

  private get freeSlot(): readonly [seat: number, slot: number] | undefined {
    let best: readonly [number, number] | undefined
    for (const [index, { machine, slots }] of this.seats.entries()) {
      const slot = slots.indexOf(undefined)
      if (machine !== undefined && slot >= 0 && (best === undefined || slot < best[1])) best = [index, slot]
    }
    return best
  }

  /** What is to be answered to a step that arrives; `late`: only because no slot can come free in time. `undefined`: it is taken. */
  refusal(step: Step): { readonly tag: string; readonly late?: boolean } | undefined {
    const { id, plan, start } = step
    if (plan.wide) return { tag: "InvalidRequest" }
    if (id === 0n || id === "") return { tag: "InvalidRequest" }
    if (this.plan.kind !== "both" && (typeof id === "string") !== (this.plan.kind === "text")) {
      return { tag: "InvalidRequest" }
    }
    const found = this.live.get(id)
    if (this.closing && (start || (found === undefined && this.unloaded))) return { tag: "Stopping" }
    if (found === undefined && !start) return { tag: this.lost.has(id) ? "SequenceLost" : "InvalidRequest" }
    const hasRoom = this.line.length === 0 && this.freeSlot !== undefined
    if (found === undefined ? !hasRoom : found.place === "backlog") {
      if (this.backlogged >= this.plan.maxBacklog) return { tag: "QueueFull" }
    } else if (this.waiting.size - this.backlogged >= this.plan.maxQueueSize) return { tag: "QueueFull" }
    if (found === undefined && !hasRoom && this.isLate(step)) return { tag: "QueueFull", late: true }
    return undefined
  }

  /** Even if every sequence holds its slot no longer than the shortest of late, its place is not reached in time. */
  private isLate(step: Step): boolean {
    const until = Math.min(step.deadlineAt, step.timeoutAt)
    if (until === Infinity || this.holding.length < 8) return false
    const shortest = Math.min(...this.holding.slice(-64))
    const free = this.seats.filter(({ machine }) => machine !== undefined).flatMap(({ slots }) =>
      slots.map((sequence) =>
        sequence === undefined || sequence.ending !== undefined
          ? this.now
          : Math.max(this.now, sequence.heldSince + shortest)
      )
    )
    if (free.length === 0) return false
    for (let place = 0; place < this.line.length; place++) {
      const first = free.indexOf(Math.min(...free))
      free[first]! += shortest
    }
    return Math.min(...free) > until
  }

  accept(step: Step): void {
    const { id } = step
    let sequence = this.live.get(id)
    if (sequence === undefined) {
      sequence = new Sequence(id, this.all.length)
      // An instance that keeps states by ids must not meet two sequences of one id.
      if (!this.plan.stateful) sequence.before = this.all.filter((other) => other.id === id && other.place !== "over")
      this.all.push(sequence)
      this.line.push(sequence)
      this.live.set(id, sequence)
      this.lost.delete(id)
    }
    step.sequence = sequence
    sequence.steps.push(step)
    this.waiting.add(step)
    sequence.unanswered.add(step)
    this.stopClock(sequence)
    if (step.plan.end) {
      this.forget(sequence)
      sequence.ending = "finished"
    }
    this.assign()
    this.advance(sequence)
  }

  private forget(sequence: Sequence): void {
    if (this.live.get(sequence.id) === sequence) this.live.delete(sequence.id)
    this.stopClock(sequence)
  }

  /** Something of it waits or runs, or nobody can go on with it. */
  private stopClock(sequence: Sequence): void {
    sequence.idleAt = Infinity
    this.idle.delete(sequence)
  }

  /** Its caller has the answer: where that was the last one that was waited for, the sequence is idle from now on. */
  answered(step: Step): void {
    const sequence = step.sequence!
    if (sequence.unanswered.delete(step)) this.startClock(sequence)
  }

  private startClock(sequence: Sequence): void {
    if (sequence.unanswered.size > 0 || this.live.get(sequence.id) !== sequence) return
    sequence.idleAt = this.now + this.idleLimit
    this.idle.add(sequence)
  }

  /** Its answer may wait for those of steps that began before it. */
  isHeld({ run }: Step): boolean {
    return this.plan.preserveOrdering && this.plan.strategy === "oldest" && run !== undefined
  }

  private answer(step: Step, tag: string, state?: Accumulator.State): void {
    this.waiting.delete(step)
    if (!step.cancelled) step.expected = { tag, at: this.now, ...(state === undefined ? {} : { state }) }
    if (!this.isHeld(step)) this.answered(step)
  }

  /** Gives slots to those who stand in line: first to those who had one, in the order in which they began. */
  assign(): void {
    if (this.held) return
    const placed: Array<Sequence> = []
    for (;;) {
      const free = this.freeSlot
      const sequence = this.line[0]
      if (free === undefined || sequence === undefined) break
      this.line.shift()
      sequence.place = "slot"
      sequence.heldSince = this.now
      sequence.seat = free[0]
      sequence.slot = free[1]
      this.seats[free[0]]!.slots[free[1]] = sequence
      placed.push(sequence)
    }
    for (const sequence of placed) this.advance(sequence)
  }

  /** The next step may run, if the one before it is over; where none can come any more, the sequence is over. */
  private advance(sequence: Sequence): void {
    const [step] = sequence.steps
    if (sequence.flight !== undefined || sequence.place === "over") return
    if (step === undefined) {
      sequence.next = undefined
      if (sequence.ending !== undefined) this.end(sequence)
      return
    }
    if (sequence.place !== "slot" || sequence.before.some(({ place }) => place !== "over")) {
      sequence.next = undefined
      return
    }
    if (step.start && !step.opened) {
      this.tell(sequence, "cancelled")
      step.opened = true
      sequence.open = true
      sequence.begun = false
      sequence.state = Accumulator.initial
    }
    if (sequence.next === step) return
    sequence.next = step
    sequence.readyAt = this.now
  }

  private tell(sequence: Sequence, why: SequenceEnd): void {
    if (sequence.ranOn !== undefined) this.hooks.push({ machine: sequence.ranOn, id: sequence.id, why })
    sequence.ranOn = undefined
    sequence.open = false
  }

  private free(sequence: Sequence): void {
    if (sequence.seat >= 0) this.seats[sequence.seat]!.slots[sequence.slot] = undefined
    sequence.seat = -1
    sequence.slot = -1
    sequence.next = undefined
  }

  private release(sequence: Sequence): void {
    if (sequence.seat < 0) return
    this.holding.push(this.now - sequence.heldSince)
    this.free(sequence)
  }

  private end(sequence: Sequence): void {
    this.forget(sequence)
    if (this.line.includes(sequence)) this.line.splice(this.line.indexOf(sequence), 1)
    this.release(sequence)
    sequence.place = "over"
    this.tell(sequence, sequence.ending!)
    for (const other of this.all) if (other.before.includes(sequence)) this.advance(other)
    this.assign()
  }

  /** Nobody can send another step; what was sent is still run. */
  private finish(sequence: Sequence, why: SequenceEnd): void {
    this.forget(sequence)
    sequence.ending ??= why
    this.advance(sequence)
  }

  /** What ends at one time has all ended before slots are given away. */
  together(change: () => void): void {
    this.held = true
    change()
    this.held = false
    this.assign()
  }

  endAll(): void {
    this.closing = true
    this.unloaded = true
    this.together(() => {
      for (const sequence of this.live.values()) this.finish(sequence, "unloaded")
    })
  }

  /** A step leaves, and with it those behind it, or all where the sequence has no slot yet. */
  private drop(step: Step, tag: string, behind = "Cancelled"): ReadonlyArray<Step> {
    const sequence = step.sequence!
    const gone = sequence.place === "backlog"
      ? sequence.steps.splice(0)
      : sequence.steps.splice(sequence.steps.indexOf(step))
    for (const one of gone) this.answer(one, one === step ? tag : behind)
    if (sequence.next !== undefined && gone.includes(sequence.next)) sequence.next = undefined
    return gone
  }

  /** The last step of a sequence begins: its slot, which is a row of its own, is the next one's. */
  vacate(sequence: Sequence): void {
    this.release(sequence)
    sequence.place = "leaving"
    this.assign()
  }

  started(step: Step, run: Run): void {
    const sequence = step.sequence!
    sequence.steps.shift()
    sequence.flight = step
    step.run = run
    step.begun = false
    this.waiting.delete(step)
  }

  /** A run that lies ready is taken back: its steps wait as before. */
  takenBack(steps: ReadonlyArray<Step>): void {
    for (const step of steps) this.back(step)
    this.assign()
  }

  private back(step: Step): void {
    const sequence = step.sequence!
    step.run = undefined
    sequence.flight = undefined
    sequence.steps.unshift(step)
    this.waiting.add(step)
    if (sequence.place === "leaving") this.displace(sequence)
  }

  /** A step's caller has gone. */
  cancel(step: Step): void {
    const sequence = step.sequence!
    this.forget(sequence)
    sequence.ending = "cancelled"
    if (sequence.flight === step) {
      for (const one of sequence.steps.splice(0)) this.answer(one, "Cancelled")
    } else this.drop(step, "Interrupted")
    step.cancelled = true
    if (sequence.flight !== step) step.expected = { tag: "Interrupted", at: this.now }
    this.advance(sequence)
  }

  /** A run has ended. */
  ended(steps: ReadonlyArray<Step>, failed: boolean): void {
    for (const step of steps) {
      const sequence = step.sequence!
      const start = step.start || !sequence.begun
      if (!failed) {
        sequence.state = Accumulator.next(sequence.state, start, step.owner, step.plan.value)
        sequence.begun = true
      }
      if (step.cancelled) step.expected = { tag: "Interrupted", at: this.now }
      else if (failed) this.answer(step, "ExecutionFailed")
      else this.answer(step, "Success", sequence.state)
      sequence.flight = undefined
    }
    for (const { sequence } of steps) this.advance(sequence!)
  }

  arrived(machine: Machine): void {
    this.empty.shift()!.machine = machine
    this.assign()
  }

  private displace(sequence: Sequence): void {
    this.free(sequence)
    sequence.place = "displaced"
    const behind = this.line.findIndex((other) => other.place === "backlog" || other.order > sequence.order)
    this.line.splice(behind < 0 ? this.line.length : behind, 0, sequence)
  }

  /** What an instance had kept of it is gone. */
  private isLost(sequence: Sequence): boolean {
    return !this.plan.stateful && sequence.ranOn !== undefined
  }

  private lose(sequence: Sequence): void {
    if (this.live.get(sequence.id) === sequence) this.lost.set(sequence.id, this.now + this.idleLimit)
    this.forget(sequence)
    sequence.ending = "lost"
    for (const step of sequence.steps.splice(0)) this.answer(step, "SequenceLost")
  }

  /** An instance is lost, with what it was running. Slots are given when what is over by then has ended. */
  crashed(
    machine: Machine,
    running: ReadonlyArray<{ readonly steps: ReadonlyArray<Step>; readonly begun: boolean }>
  ): void {
    const place = this.seats.find((seat) => seat.machine === machine)
    // It was given back.
    if (place === undefined) return
    place.machine = undefined
    this.empty.push(place)
    const sequences = new Set(place.slots.filter((one) => one !== undefined))
    for (const { begun, steps } of running) {
      for (const step of steps) {
        const sequence = step.sequence!
        sequences.add(sequence)
        sequence.flight = undefined
        step.run = undefined
        if (step.cancelled) step.expected = { tag: "Interrupted", at: this.now }
        else if (this.isLost(sequence)) {
          this.answer(step, "SequenceLost")
          this.lose(sequence)
        } else if (begun && ++step.losses === tries) {
          this.answer(step, "InstanceLost")
          if (step.start) this.lose(sequence)
        } else {
          sequence.steps.unshift(step)
          this.waiting.add(step)
        }
      }
    }
    for (const sequence of sequences) {
      if (this.isLost(sequence) && sequence.ending !== "lost") this.lose(sequence)
      this.displace(sequence)
    }
    // Those that are lost are over before anybody is given a slot.
    const outer = this.held
    this.held = true
    for (const sequence of sequences) if (sequence.ending === "lost") this.advance(sequence)
    this.held = outer
    for (const sequence of sequences) this.advance(sequence)
  }

  /** When something is due next that nobody outside causes. */
  get dueAt(): number {
    let due = Infinity
    for (const step of this.waiting) due = Math.min(due, this.dueOf(step))
    for (const sequence of this.all) {
      if (sequence.flight?.begun === false) due = Math.min(due, sequence.flight.deadlineAt)
      due = Math.min(due, sequence.idleAt)
    }
    for (const at of this.lost.values()) due = Math.min(due, at)
    return due
  }

  /** Its timeout counts while its sequence waits for its first slot. */
  private dueOf(step: Step): number {
    return step.sequence!.place === "backlog" ? Math.min(step.deadlineAt, step.timeoutAt) : step.deadlineAt
  }

  /** Does what is due now. `takeBack` takes a run back that lies ready. */
  expire(takeBack: (run: Run) => void): void {
    for (const step of this.waiting) if (this.dueOf(step) <= this.now) return this.pass(step)
    for (const { flight } of this.all) {
      if (flight?.begun === false && flight.deadlineAt <= this.now) {
        takeBack(flight.run!)
        return this.pass(flight)
      }
    }
    for (const sequence of this.idle) if (sequence.idleAt <= this.now) return this.finish(sequence, "expired")
    for (const [id, at] of this.lost) if (at <= this.now) return void this.lost.delete(id)
  }

  private pass(step: Step): void {
    const sequence = step.sequence!
    const inBacklog = sequence.place === "backlog"
    const gone = inBacklog && step.deadlineAt > this.now
      ? this.drop(step, "RequestTimedOut", "RequestTimedOut")
      : this.drop(step, "DeadlineExceeded")
    // Without its START there is nothing that it could go on with.
    if (inBacklog || gone.some(({ start }) => start)) return this.finish(sequence, "expired")
    if (sequence.ending === "finished" && !this.unloaded && !this.live.has(sequence.id)) {
      sequence.ending = undefined
      this.live.set(sequence.id, sequence)
      this.startClock(sequence)
    }
    this.advance(sequence)
  }
}
