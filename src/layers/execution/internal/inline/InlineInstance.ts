/**
 * An execution instance on the main thread. It runs what it is given at once, or when the event loop has come round; where that takes
 * too long too often, it moves into a thread, and nobody who holds it has to know.
 */
import { Deferred, Effect, Exit } from "effect"
import { performance } from "node:perf_hooks"
import type { Tensor } from "../../../../schema/Inference.ts"
import type {
  ExecutionResult,
  LentInstance,
  LossCause,
  Placement,
  RunFailure,
  StartedRun
} from "../../../../services/Executor.ts"
import type { Instance } from "../InstancePool.ts"
import * as RunOutcome from "../RunOutcome.ts"
import type { InlineRunner } from "./InlineRunner.ts"
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
  private succeeded = 0
  private isClosed = false

  constructor(options: Options) {
    this.options = options
  }

  get name(): string {
    return this.options.name
  }

  readonly placement = (): Placement => this.moved === undefined ? "inline" : this.moved.placement?.() ?? "thread"

  readonly accepts = (): boolean => this.waiting === undefined && (this.moved === undefined || this.moved.accepts())

  readonly quick = (): boolean => this.moved === undefined || this.moved.quick()

  readonly answers = (): number => this.succeeded + (this.moved?.answers() ?? 0)

  /** A run on the main thread cannot be looked at while it goes on. */
  readonly runningSince = (): bigint | undefined => this.moved?.runningSince()

  readonly lostBy = (): LossCause => this.moved?.lostBy?.() ?? "ended"

  readonly start: LentInstance["start"] = (inputs, outputs, done) => {
    if (this.moved !== undefined && this.waiting === undefined) return this.moved.start(inputs, outputs, done)
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
      return Effect.flatMap(Deferred.await(instance.lost), (reason) => Deferred.succeed(this.lost, reason))
    })

  readonly abandon = (reason: string): void => this.moved?.abandon(reason)

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isClosed = true
  })
}
