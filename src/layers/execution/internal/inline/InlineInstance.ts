/**
 * An execution instance on the main thread. It runs what it is given at once, or when the event loop has come round; where that takes
 * too long too often, it moves into a thread, and nobody who holds it has to know.
 */
import { Deferred, Effect, Exit } from "effect"
import { performance } from "node:perf_hooks"
import { InstanceLost } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type {
  ExecutionResult,
  LentInstance,
  LossCause,
  Placement,
  RunFailure,
  StartedRun
} from "../../../../services/Executor.ts"
import type { Instance } from "../Instance.ts"
import * as RunOutcome from "../RunOutcome.ts"
import type * as RunRequest from "../RunRequest.ts"
import type { InlineRunner } from "./InlineRunner.ts"
import type { InputBound } from "./RunBounds.ts"
import * as RunBounds from "./RunBounds.ts"
import type { SlowRuns } from "./SlowRuns.ts"
import type { PutOff, Turns } from "./Turns.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly name: string
  readonly runner: InlineRunner
  readonly turns: Turns
  readonly slow: SlowRuns
  /** Its runs take too long: called once or more. */
  readonly onSlow: () => void
  readonly layout: RunRequest.Layout
  /** What may run here; absent: what comes may. */
  readonly bounds: ReadonlyArray<InputBound> | undefined
  /** A run is beyond them: called once or more. */
  readonly onExcess: (reason: string) => void
}

/** A run that is too large for the main thread. */
interface Held {
  readonly inputs: ReadonlyArray<Tensor>
  readonly outputs: ReadonlyArray<string>
  readonly done: Parameters<LentInstance["start"]>[2]
  /** Once it has moved with the instance. */
  started: StartedRun | undefined
}

const nothing: StartedRun = { withdraw: () => false }

/** @category models */
export class InlineInstance implements Instance {
  readonly lost = Deferred.makeUnsafe<string>()
  private readonly options: Options
  /** Where it has moved to. */
  private moved: Instance | undefined
  /** A run that waits for its turn. */
  private waiting: PutOff | undefined
  /** Runs that wait until this has moved. */
  private held: Array<Held> = []
  /** Why it could not move when that was tried; until it is tried again no run waits for it. */
  private stays: string | undefined
  private succeeded = 0
  private isClosed = false

  constructor(options: Options) {
    this.options = options
  }

  get name(): string {
    return this.options.name
  }

  readonly placement = (): Placement => this.moved === undefined ? "inline" : this.moved.placement?.() ?? "thread"

  readonly accepts = (): boolean =>
    this.waiting === undefined && this.held.length === 0 && (this.moved === undefined || this.moved.accepts())

  readonly quick = (): boolean => this.moved === undefined || this.moved.quick()

  readonly answers = (): number => this.succeeded + (this.moved?.answers() ?? 0)

  /** A run on the main thread cannot be looked at while it goes on. */
  readonly runningSince = (): bigint | undefined => this.moved?.runningSince()

  readonly lostBy = (): LossCause => this.moved?.lostBy?.() ?? "ended"

  readonly start: LentInstance["start"] = (inputs, outputs, done) => {
    if (this.moved !== undefined && this.waiting === undefined) return this.moved.start(inputs, outputs, done)
    const { bounds, layout } = this.options
    const excess = bounds === undefined ? undefined : RunBounds.excess(bounds, layout, inputs)
    if (excess !== undefined) return this.hold({ inputs, outputs, done, started: undefined }, excess)
    const run = () => {
      this.waiting = undefined
      done(this.isClosed ? RunOutcome.lost(this.options, "it had stopped before", false) : this.run(inputs, outputs))
    }
    const { turns } = this.options
    if (this.waiting === undefined && turns.hasTime()) {
      run()
      return nothing
    }
    const putOff: PutOff = { run }
    this.waiting = putOff
    turns.putOff(putOff)
    return {
      withdraw: () => {
        if (!turns.takeBack(putOff)) return false
        this.waiting = undefined
        return true
      }
    }
  }

  private hold(held: Held, excess: string): StartedRun {
    if (this.moved !== undefined) return this.moved.start(held.inputs, held.outputs, held.done)
    if (this.stays !== undefined) {
      held.done(this.tooLarge(this.stays))
      return nothing
    }
    this.held.push(held)
    this.options.onExcess(excess)
    return {
      withdraw: () => {
        if (held.started !== undefined) return held.started.withdraw()
        const at = this.held.indexOf(held)
        if (at !== -1) this.held.splice(at, 1)
        return at !== -1
      }
    }
  }

  private run(inputs: ReadonlyArray<Tensor>, outputs: ReadonlyArray<string>): Exit.Exit<ExecutionResult, RunFailure> {
    const { onSlow, runner, slow, turns } = this.options
    const began = performance.now()
    slow.begins(began)
    const exit = runner.run(began, inputs, outputs)
    turns.ran(began, runner.ended)
    if (Exit.isSuccess(exit)) this.succeeded++
    if (slow.ended(began, runner.ended)) onSlow()
    return exit
  }

  /** From now on it is this other instance, whose loss is its own. */
  readonly moveTo = (instance: Instance): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.moved = instance
      for (const held of this.held.splice(0)) held.started = instance.start(held.inputs, held.outputs, held.done)
      return Effect.flatMap(Deferred.await(instance.lost), (reason) => Deferred.succeed(this.lost, reason))
    })

  /** It tries to move: what is too large for the main thread waits until it has, or could not. */
  readonly moves = (): void => {
    this.stays = undefined
  }

  /** It could not move now: what waits for that fails, and so does what is too large until it is tried again. */
  readonly stayed = (reason: string): void => {
    this.stays = reason
    this.drop(this.tooLarge(reason))
  }

  /** It can never move. */
  readonly lose = (reason: string): void => {
    this.drop(RunOutcome.lost(this.options, reason, false))
    Deferred.doneUnsafe(this.lost, Exit.succeed(reason))
  }

  private drop(exit: Exit.Exit<never, RunFailure>): void {
    for (const { done } of this.held.splice(0)) done(exit)
  }

  /**
   * Not as a run that was not begun: such a one goes to another instance, and this one counts as lost from then on. It works, and takes
   * all that is small enough.
   */
  private tooLarge(reason: string): Exit.Exit<never, InstanceLost> {
    const { model, name } = this.options
    return Exit.fail(
      new InstanceLost({
        message:
          `instance '${name}' of model '${model}' cannot run the request: it is larger than what may run on the main ` +
          `thread, and ${reason}; that is being tried again, try again`,
        model,
        instance: name,
        begun: true
      })
    )
  }

  readonly abandon = (reason: string): void => this.moved?.abandon(reason)

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isClosed = true
    this.drop(RunOutcome.lost(this.options, "it had stopped before", false))
  })
}
