/**
 * One request to an ensemble: its steps, each as soon as what it reads is there.
 *
 * Steps that follow one another run in the fiber of the request. Where several can run, each has a fiber of its own, which goes on with
 * what follows from it; the first that fails ends the others.
 */
import { type Cause, Effect, Exit, Fiber, Result } from "effect"
import { DeadlineExceeded, InvalidRequest, QueueFull } from "../../../schema/Errors.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import type { Job, JobFailure, JobResult } from "../../../services/Scheduler.ts"
import * as Answering from "../../inference/Answering.ts"
import { Roster } from "../../Roster.ts"
import type { PlannedStep } from "../EnsemblePlan.ts"
import type { Ensemble } from "./Ensemble.ts"
import { type InFlight, Ticket } from "./InFlight.ts"
import type { Selection } from "./Selection.ts"
import * as StepFailure from "./StepFailure.ts"
import * as StepModels from "./StepModels.ts"
import { type Next, type Task, Walk } from "./Walk.ts"

/** What goes on after a step. */
type Then = (next: Next) => Effect.Effect<void, JobFailure>

const atOnce = { startImmediately: true } as const

/** @category models */
export class EnsembleRun {
  readonly job: Job
  readonly arrivedAt: number
  /** It is among those whom the end of the ensemble waits for. */
  entered = false
  private readonly ensemble: Ensemble
  private readonly selection: Selection
  private walk: Walk | undefined = undefined
  /** Gives back the memory under an answer that nobody has got. */
  private release: (() => void) | undefined = undefined
  /** Fibers of steps, which leave it when they end; `undefined` before the first. */
  private fibers: Roster<Fiber.Fiber<void, JobFailure>> | undefined = undefined
  /** Fibers that were begun and have not ended. */
  private active = 0
  /** Tasks that have no fiber yet. */
  private posted: Array<Task> = []
  /** Why the first fiber that failed did. */
  private cause: Cause.Cause<JobFailure> | undefined = undefined
  private isEnding = false
  /** Continues the request's own fiber. */
  private wake: (() => void) | undefined = undefined

  constructor(ensemble: Ensemble, selection: Selection, job: Job, arrivedAt: number) {
    this.ensemble = ensemble
    this.selection = selection
    this.job = job
    this.arrivedAt = arrivedAt
  }

  /** Runs it. Whatever comes of it, `end` is to follow. */
  begin(): Effect.Effect<JobResult, JobFailure> {
    return StepModels.find(this.ensemble, this.selection.steps, this.job.deadlineMicros, (models) => this.start(models))
  }

  /** Ends what still runs and gives memory back; to be called once. `undefined`: that is done already. */
  end(exit: Exit.Exit<JobResult, JobFailure>): Effect.Effect<void> | undefined {
    this.isEnding = true
    if (this.fibers !== undefined && this.fibers.size > 0) {
      return Effect.andThen(
        Fiber.interruptAll(this.fibers.all()),
        Effect.sync(() => this.close(exit))
      )
    }
    this.close(exit)
    return undefined
  }

  private close(exit: Exit.Exit<JobResult, JobFailure>): void {
    if (Exit.isSuccess(exit)) return
    this.release?.()
    this.walk?.releaseAll()
  }

  private start(models: ReadonlyArray<Model | undefined>): Effect.Effect<JobResult, JobFailure> {
    const walk = new Walk(this.ensemble, this.selection, this.job, models)
    this.walk = walk
    return Effect.flatMap(this.proceed(walk.begin()), () => this.finish(walk))
  }

  private finish(walk: Walk): Effect.Effect<JobResult, JobFailure> {
    const outputs = walk.outputs()
    if (outputs === undefined) {
      return Effect.fail(
        new InvalidRequest({
          message:
            `in ensemble '${this.ensemble.plan.name}', unexpected deadlock, at least one output is not set while no ` +
            "more ensemble steps can be made"
        })
      )
    }
    const parameters = walk.parameters()
    const release = walk.finish()
    this.release = release
    return Effect.succeed({
      outputs,
      begunAtNanos: this.arrivedAt,
      queueNanos: 0,
      computeInputNanos: walk.computeInputNanos,
      computeInferNanos: walk.computeInferNanos,
      computeOutputNanos: walk.computeOutputNanos,
      wallNanos: Math.max(0, this.ensemble.now() - this.arrivedAt),
      batchRows: this.job.batchSize,
      parameters,
      release
    })
  }

  /** The request's own fiber: runs what is alone, and gives what is not fibers of its own. */
  private readonly proceed: Then = (next) => {
    if (Result.isFailure(next)) return Effect.fail(next.failure)
    const tasks = next.success
    if (this.active > 0 || tasks.length > 1) {
      return Effect.andThen(Effect.uninterruptible(Effect.forEach(tasks, this.fork, { discard: true })), this.wait)
    }
    return tasks.length === 0 ? Effect.void : this.execute(tasks[0]!, this.proceed)
  }

  private readonly fork = (task: Task): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.cause !== undefined) return Effect.void
      this.active++
      return Effect.map(Effect.forkChild(this.execute(task, this.branch), atOnce), (fiber) => {
        const fibers = this.fibers ??= new Roster()
        const place = fibers.add(fiber)
        fiber.addObserver((exit) => {
          fibers.remove(fiber, place)
          this.active--
          if (Exit.isFailure(exit) && !this.isEnding) this.cause ??= exit.cause
          this.notify()
        })
      })
    })

  /** A fiber of steps: goes on with the last of what follows. */
  private readonly branch: Then = (next) => {
    if (Result.isFailure(next)) return Effect.fail(next.failure)
    const tasks = next.success
    const { length } = tasks
    if (length === 0 || this.cause !== undefined) return Effect.void
    if (length > 1) {
      for (let i = 0; i < length - 1; i++) this.posted.push(tasks[i]!)
      this.notify()
    }
    return this.execute(tasks[length - 1]!, this.branch)
  }

  private readonly wait: Effect.Effect<void, JobFailure> = Effect.suspend(() =>
    Effect.flatMap(this.changed, () => {
      if (this.cause !== undefined) return Effect.failCause(this.cause)
      const tasks = this.posted
      this.posted = []
      return tasks.length === 0 ? Effect.void : this.proceed(Result.succeed(tasks))
    })
  )

  /** Done when a fiber has failed, tasks have no fiber, or no fiber is left. */
  private readonly changed: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isChanged()) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private isChanged(): boolean {
    return this.cause !== undefined || this.posted.length > 0 || this.active === 0
  }

  private notify(): void {
    const { wake } = this
    if (wake === undefined || !this.isChanged()) return
    this.wake = undefined
    wake()
  }

  private execute(task: Task, then: Then): Effect.Effect<void, JobFailure> {
    const inFlight = this.ensemble.inFlight?.[task.step.index]
    return inFlight === undefined ? this.ask(task, then) : Effect.flatMap(this.askInTurn(task, inFlight), then)
  }

  private ask(task: Task, then: Then): Effect.Effect<void, JobFailure> {
    return Effect.suspend(() => {
      const { step } = task
      const walk = this.walk!
      const left = this.left()
      if (left < 0) return this.fail(step, this.expired())
      return Effect.matchEffect(Answering.infer(walk.modelOf(step), walk.requestOf(task, left)), {
        onFailure: (reason) => this.fail(step, reason),
        onSuccess: (answer) => then(walk.answered(task, answer))
      })
    })
  }

  /** The answer counts as under way until it is there. */
  private askInTurn(task: Task, inFlight: InFlight): Effect.Effect<Next, JobFailure> {
    return Effect.suspend(() => {
      const ticket = new Ticket()
      let next: Next | undefined
      const asked = this.ask(task, (answered) => {
        next = answered
        return Effect.void
      })
      return Effect.onExit(
        inFlight.enterNow(ticket) ? asked : Effect.andThen(this.queued(task, inFlight, ticket), asked),
        () => Effect.sync(() => inFlight.leave(ticket))
      ).pipe(Effect.map(() => next!))
    })
  }

  /** Waits for a place, as long as the request does. */
  private queued({ step }: Task, inFlight: InFlight, ticket: Ticket): Effect.Effect<void, JobFailure> {
    const { maxQueueSize } = this.ensemble
    if (inFlight.length >= maxQueueSize) {
      return this.fail(
        step,
        new QueueFull({ message: "Exceeds maximum queue size", model: step.model, capacity: maxQueueSize })
      )
    }
    const left = this.left()
    if (left === 0) return inFlight.enter(ticket)
    return Effect.timeoutOrElse(inFlight.enter(ticket), {
      duration: Math.max(0, left) / 1000,
      orElse: () => this.fail(step, this.expired())
    })
  }

  /** Microseconds until the deadline of the request: 0 where it has none, less where it has passed. */
  private left(): number {
    const { deadlineMicros } = this.job
    if (deadlineMicros === 0) return 0
    const left = Math.floor(deadlineMicros - (this.ensemble.now() - this.arrivedAt) / 1000)
    return left > 0 ? left : -1
  }

  private expired(): DeadlineExceeded {
    return new DeadlineExceeded({
      message: `the deadline of the request, ${
        this.job.deadlineMicros / 1000
      } ms after its arrival, passed before the step began`
    })
  }

  private fail(step: PlannedStep, reason: JobFailure): Effect.Effect<never, JobFailure> {
    return Effect.fail(StepFailure.inEnsemble(this.ensemble.plan.name, step, reason))
  }
}
