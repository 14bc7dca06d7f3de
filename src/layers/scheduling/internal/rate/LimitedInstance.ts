/** A lent instance whose runs begin in its turn only. */
import { Effect, Exit } from "effect"
import { InstanceLost } from "../../../../schema/Errors.ts"
import type { LentInstance, StartedRun, Turn } from "../../../../services/Executor.ts"
import * as Lanes from "../Lanes.ts"
import { Claim, type Seat, type TurnLine } from "./TurnLine.ts"

type Start = LentInstance["start"]
type Done = Parameters<Start>[2]

interface Run {
  readonly inputs: Parameters<Start>[0]
  readonly outputs: Parameters<Start>[1]
  readonly done: Done
  started: StartedRun | undefined
}

/** @category models */
export class LimitedInstance implements LentInstance {
  readonly name: string
  readonly index: number
  readonly quick: LentInstance["quick"]
  readonly lost: LentInstance["lost"]
  readonly whyLost: NonNullable<LentInstance["whyLost"]>
  readonly retiring: NonNullable<LentInstance["retiring"]>
  readonly sequenceEnded: NonNullable<LentInstance["sequenceEnded"]>
  readonly turn: Turn
  private readonly model: string
  private readonly line: TurnLine
  private readonly claim: Claim
  private readonly instance: LentInstance
  /** Runs that were started without a turn, in order; they come before whoever has asked for one. */
  private readonly waiting: Array<Run> = []
  /** Who has asked for a turn. */
  private asked: (() => void) | undefined
  /** The turn is there for whoever asked, who has not used it. */
  private isGranted = false
  private isClosed = false

  constructor(model: string, line: TurnLine, seat: Seat, instance: LentInstance) {
    this.model = model
    this.line = line
    this.instance = instance
    this.claim = new Claim(seat, () => this.proceed())
    this.name = instance.name
    this.index = instance.index
    this.quick = instance.quick
    this.lost = instance.lost
    this.whyLost = () => instance.whyLost?.()
    this.retiring = instance.retiring ?? Effect.never
    this.sequenceEnded = (id, why) => instance.sequenceEnded?.(id, why)
    this.turn = {
      ask: (granted) => {
        this.asked = granted
        this.queue()
      },
      drop: () => this.drop(),
      isGranted: () => this.isGranted,
      rank: () => seat.rank
    }
  }

  /** A run that lies ready would begin without a turn: one at a time. */
  readonly accepts = (): boolean =>
    this.waiting.length === 0 && (this.claim.state !== "granted" || this.isGranted) && this.instance.accepts()

  readonly start: Start = (inputs, outputs, done) => {
    const run: Run = { inputs, outputs, done, started: undefined }
    if (this.isClosed) this.refuse(run)
    else if (this.isGranted) {
      this.isGranted = false
      this.begin(run)
    } else {
      this.waiting.push(run)
      this.queue()
    }
    return { withdraw: () => this.withdraw(run) }
  }

  /** Its user has no more use for it; runs that have begun end by themselves. */
  readonly close = (): void => {
    this.isClosed = true
    const waiting = this.waiting.splice(0)
    this.drop()
    for (const run of waiting) this.refuse(run)
  }

  private refuse({ done }: Run): void {
    done(Exit.fail(
      new InstanceLost({
        message: `instance '${this.name}' of model '${this.model}' stopped before it was its turn`,
        model: this.model,
        instance: this.name,
        begun: false
      })
    ))
  }

  /** Stands in line, if there is a reason and it does not do so already. */
  private queue(): void {
    if (this.isClosed || this.claim.state !== "idle") return
    if (this.waiting.length > 0 || this.asked !== undefined) this.line.stage(this.claim)
  }

  /** It is its turn. */
  private proceed(): void {
    const run = this.waiting.shift()
    if (run !== undefined) return this.begin(run)
    const asked = this.asked
    this.asked = undefined
    this.isGranted = true
    asked!()
  }

  private begin(run: Run): void {
    run.started = this.instance.start(run.inputs, run.outputs, (exit) => {
      // Whoever has more to run stands in line again before anybody is let in, or the order would not count.
      this.line.release(this.claim, !Lanes.isNotBegun(exit))
      try {
        run.done(exit)
      } finally {
        this.queue()
        this.line.attempt()
      }
    })
  }

  private withdraw(run: Run): boolean {
    const at = this.waiting.indexOf(run)
    if (at >= 0) {
      this.waiting.splice(at, 1)
      this.leave()
      return true
    }
    if (run.started?.withdraw() !== true) return false
    this.free()
    return true
  }

  private drop(): void {
    this.asked = undefined
    if (!this.isGranted) return this.leave()
    this.isGranted = false
    this.free()
  }

  /** Gives back what it was granted. */
  private free(): void {
    this.line.release(this.claim, false)
    this.queue()
    this.line.attempt()
  }

  /** Leaves the line, where nothing is left to wait for. */
  private leave(): void {
    if (this.claim.state !== "staged" || this.waiting.length > 0 || this.asked !== undefined) return
    this.line.release(this.claim, false)
    this.line.attempt()
  }
}
