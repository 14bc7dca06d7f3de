/** One execution instance: a worker thread with one model in it, seen from the main thread. */
import { Deferred, Effect, Exit } from "effect"
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from "node:worker_threads"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { LentInstance, StartedRun } from "../../../services/Executor.ts"
import type { TensorMemory } from "../../../services/TensorMemory.ts"
import type { AnswerBell, Ringer } from "./AnswerBell.ts"
import type { ToCustomWorker } from "./CustomStart.ts"
import * as Mailbox from "./Mailbox.ts"
import * as RunOutcome from "./RunOutcome.ts"
import * as RunRequest from "./RunRequest.ts"
import { SharedCarrier } from "./SharedCarrier.ts"
import type { WorkerKind } from "./WorkerKind.ts"
import { WorkerRun } from "./WorkerRun.ts"

const { Answer, State, Word } = Mailbox

/** @category models */
export interface Options {
  readonly model: string
  readonly version: number
  readonly path: string
  readonly name: string
  readonly layout: RunRequest.Layout
  readonly kind: WorkerKind
  readonly memory: TensorMemory["Service"]
  readonly bell: AnswerBell
  /** Monotonic nanoseconds. */
  readonly now: () => bigint
}

/** Runs that an instance takes at once. */
const maxRuns = Mailbox.places

/** How long a worker may take to end by itself before its thread is stopped. */
const closeMillis = 20_000

const nothing: StartedRun = { withdraw: () => false }

/** @category models */
export class WorkerInstance implements Ringer {
  readonly lost = Deferred.makeUnsafe<string>()
  private readonly mailbox = Mailbox.views()
  private readonly carrier: SharedCarrier
  private readonly target: RunRequest.Target
  private readonly ended: Promise<void>
  /** Runs in the mailbox, in order; withdrawn ones keep their place until the worker has passed it. */
  private runs: Array<WorkerRun> = []
  /** Number of the run that was started last. */
  private started = 0
  /** Number of the run that was collected last. */
  private collected = 0
  /** Since when the worker works on the head of `runs`. */
  private since = 0n
  private succeeded = 0
  /** What runs take of late. */
  private nanos = 1e9
  listed = false
  isOpen = false
  private isLost = false
  private isEnded = false
  private reason = ""
  /** What its thread said when it ended by an error. */
  private said: string | undefined
  private readonly options: Options
  private readonly port: MessagePort
  readonly worker: Worker

  constructor(options: Options) {
    this.options = options
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    this.worker = options.kind.start({
      mailbox: this.mailbox.buffer,
      bell: options.bell.buffer,
      port: port2,
      inputs: options.layout.inputs,
      outputs: options.layout.outputs
    }, options.name)
    this.carrier = new SharedCarrier(options.memory, port1)
    this.target = {
      mailbox: this.mailbox,
      carrier: this.carrier,
      sendFields: (number, fields) => port1.postMessage({ _tag: "Fields", number, fields } satisfies Mailbox.ToWorker)
    }
    let failed: string | undefined
    this.worker.on("error", (error: unknown) => {
      failed = "its thread met an error that nothing caught"
      if (!(error instanceof Error)) this.said = String(error)
      else if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") failed = error.message
      else this.said = error.message
    })
    this.ended = new Promise((resolve) => {
      this.worker.once("exit", (code) => {
        this.isEnded = true
        if (this.answered()) this.collect()
        this.lose(failed ?? `its thread ended with code ${code}`)
        port1.close()
        resolve()
      })
    })
  }

  sequenceEnded?: NonNullable<LentInstance["sequenceEnded"]>

  readonly tellEnd: NonNullable<LentInstance["sequenceEnded"]> = (id, why) =>
    this.worker.postMessage({ _tag: "SequenceEnded", id, why } satisfies ToCustomWorker)

  get name(): string {
    return this.options.name
  }

  readonly runningSince = (): bigint | undefined => this.runs.length === 0 ? undefined : this.since

  readonly accepts = (): boolean => this.runs.length === 0 || (this.runs.length < maxRuns && !this.carrier.known.full)

  readonly lostInFull = (): string => this.said === undefined ? this.reason : `${this.reason}: ${this.said}`

  readonly answers = (): number => this.succeeded

  readonly quick = (): boolean => this.nanos <= RunOutcome.quickNanos

  /** Tells the worker of what was started, if it sleeps. */
  readonly wake = (): void => {
    const { words } = this.mailbox
    if (Atomics.load(words, Word.asleep) === 1) this.options.kind.wake(this.worker, words)
  }

  readonly start: LentInstance["start"] = (inputs, outputs, done) => {
    if (this.isLost) {
      done(RunOutcome.lost(this.options, "it had stopped before", false))
      return nothing
    }
    const { mailbox: { words } } = this
    const number = Mailbox.next(this.started)
    const written = RunRequest.write(this.target, number, this.options.layout, inputs, outputs)
    if (written instanceof InvalidRequest) {
      done(Exit.fail(written))
      return nothing
    }
    this.started = number
    if (this.runs.length === 0) this.since = this.options.now()
    const run = new WorkerRun(number, written, done, words)
    this.runs.push(run)
    Atomics.store(words, Word.states + Mailbox.placeOf(number), State.ready)
    Atomics.store(words, Word.request, number)
    this.options.bell.started(this, this.quick())
    return run
  }

  readonly answered = (): boolean => Atomics.load(this.mailbox.words, Word.answer) !== this.collected

  readonly collect = (): boolean => {
    while (this.runs.length > 0 && this.answered()) {
      const run = this.runs.shift()!
      this.collected = run.number
      if (this.runs.length > 0) this.since = this.options.now()
      if (!run.withdrawn) this.answer(run)
      if (this.runs.length === 0) this.carrier.known.trim()
    }
    return this.runs.length > 0
  }

  private answer(run: WorkerRun): void {
    const place = this.mailbox.places[Mailbox.placeOf(run.number)]!
    const { fields } = place
    const message = fields[Answer.hasMessage] === 0
      ? undefined
      : receiveMessageOnPort(this.port)!.message as Mailbox.AnswerMessage
    const exit = RunOutcome.read(this.options, place, run.written, message)
    if (Exit.isSuccess(exit)) {
      this.succeeded++
      this.nanos = RunOutcome.average(this.nanos, exit.value)
    }
    run.done(exit)
  }

  /**
   * Gives up on a worker that does not answer. Its memory stays in use until its thread has ended: at once, or, where it is
   * inside the native runtime, when that call returns. To stop a thread in there would end the process.
   */
  readonly abandon = (reason: string): void => {
    this.lose(reason)
    this.leave()
    if (Atomics.load(this.mailbox.words, Word.native) === 0) void this.worker.terminate()
  }

  /** Asks the worker to end after what it does now. */
  private leave(): void {
    Atomics.store(this.mailbox.words, Word.request, Mailbox.closing)
    this.wake()
  }

  private lose(reason: string): void {
    if (this.isLost) return
    this.isLost = true
    this.reason = reason
    this.options.bell.stopped(this)
    const runs = this.runs
    this.runs = []
    Deferred.doneUnsafe(this.lost, Exit.succeed(reason))
    for (const run of runs) {
      if (run.withdrawn) continue
      if (run.withdraw()) {
        run.done(RunOutcome.lost(this.options, reason, false))
        continue
      }
      if (this.isEnded) RunRequest.free(run.written, true)
      else void this.ended.then(() => RunRequest.free(run.written, true))
      run.done(RunOutcome.lost(this.options, reason, true))
    }
  }

  /** Ends the thread. Nothing runs in it any more, or it was abandoned. */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.isEnded || this.isLost) return resume(Effect.void)
    this.isLost = true
    this.options.bell.stopped(this)
    this.leave()
    const late = setTimeout(
      () => void this.worker.terminate(),
      this.isOpen || this.options.kind.openWithin === undefined ? closeMillis : 0
    )
    void this.ended.then(() => {
      clearTimeout(late)
      resume(Effect.void)
    })
    return undefined
  })
}
