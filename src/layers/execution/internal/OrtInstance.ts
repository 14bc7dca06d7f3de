/** One execution instance: a worker thread with one session in it, seen from the main thread. */
import { Deferred, Effect, Exit, type Scope } from "effect"
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads"
import { ExecutionFailed, InstanceLost, InvalidRequest, LoadFailed } from "../../../schema/Errors.ts"
import type { ExecutionResult, LentInstance, RunFailure } from "../../../services/Executor.ts"
import type { TensorMemory } from "../../../services/TensorMemory.ts"
import type { AnswerBell, Ringer } from "./AnswerBell.ts"
import type { Instance } from "./InstancePool.ts"
import { KnownMemory } from "./KnownMemory.ts"
import * as Mailbox from "./Mailbox.ts"
import * as RunRequest from "./RunRequest.ts"

const { Answer, Status, Word } = Mailbox

/** The worker's file: TypeScript where this runs from sources, JavaScript in the built package. */
export const workerFile: URL = new URL(
  import.meta.url.endsWith(".ts") ? "./OrtWorker.ts" : "./OrtWorker.js",
  import.meta.url
)

/** @category models */
export interface Options {
  readonly model: string
  readonly version: number
  readonly path: string
  readonly name: string
  readonly layout: RunRequest.Layout
  readonly settings: Mailbox.NativeSettings
  readonly worker: URL
  readonly heapMegabytes: number
  readonly memory: TensorMemory["Service"]
  readonly bell: AnswerBell
  /** Monotonic nanoseconds. */
  readonly now: () => bigint
}

/** How long a worker may take to end by itself before its thread is stopped. */
const closeMillis = 20_000

type Answered = (exit: Exit.Exit<ExecutionResult, RunFailure>) => void

class OrtInstance implements Ringer {
  readonly lost = Deferred.makeUnsafe<string>()
  private readonly mailbox = Mailbox.views()
  private readonly target: RunRequest.Target
  private readonly ended: Promise<void>
  private request = 0
  private running:
    | { readonly written: RunRequest.Written; readonly answer: Answered; readonly since: bigint }
    | undefined
  private isLost = false
  private isEnded = false
  private failure: string | undefined
  private readonly options: Options
  private readonly port: MessagePort
  readonly worker: Worker

  constructor(options: Options) {
    this.options = options
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    const start: Mailbox.Start = {
      path: options.path,
      settings: options.settings,
      run: {
        mailbox: this.mailbox.buffer,
        bell: options.bell.buffer,
        port: port2,
        inputs: options.layout.inputs,
        outputs: options.layout.outputs
      }
    }
    this.worker = startWorker(options.worker, start, [port2], options.heapMegabytes)
    this.target = {
      mailbox: this.mailbox,
      memory: options.memory,
      known: new KnownMemory(port1),
      sendFields: (fields) => port1.postMessage({ _tag: "Fields", fields } satisfies Mailbox.ToWorker)
    }
    this.worker.on("error", (error: unknown) => {
      this.failure = error instanceof Error ? error.message : String(error)
    })
    this.ended = new Promise((resolve) => {
      this.worker.once("exit", (code) => {
        this.isEnded = true
        if (this.answered()) this.collect()
        this.lose(this.failure ?? `its thread ended with code ${code}`)
        port1.close()
        resolve()
      })
    })
  }

  get name(): string {
    return this.options.name
  }

  readonly runningSince = (): bigint | undefined => this.running?.since

  readonly start: LentInstance["start"] = (inputs, outputs, done) => {
    if (this.isLost) return done(this.instanceLost("it had stopped before"))
    const written = RunRequest.write(this.target, this.options.layout, inputs, outputs)
    if (written instanceof InvalidRequest) return done(Exit.fail(written))
    this.running = { written, answer: done, since: this.options.now() }
    const { words } = this.mailbox
    // Wraps before it could meet the closing mark or lose precision.
    this.request = this.request === 0x7fffffff ? 1 : this.request + 1
    Atomics.store(words, Word.request, this.request)
    if (Atomics.load(words, Word.asleep) === 1) Atomics.notify(words, Word.request)
    this.options.bell.started(this)
  }

  readonly answered = (): boolean =>
    this.running !== undefined && Atomics.load(this.mailbox.words, Word.answer) === this.request

  readonly collect = (): void => {
    const { answer, written } = this.running!
    this.running = undefined
    const { fields } = this.mailbox
    const message = fields[Answer.hasMessage] === 0
      ? undefined
      : receiveMessageOnPort(this.port)!.message as Mailbox.AnswerMessage
    const status = fields[Answer.status]!
    RunRequest.free(written, status !== Status.done)
    let exit: Exit.Exit<ExecutionResult, RunFailure>
    if (status === Status.done) {
      exit = Exit.succeed(RunRequest.read(this.mailbox, this.options.layout, written, message))
    } else if (status === Status.invalid) {
      exit = Exit.fail(new InvalidRequest({ message: message!.error! }))
    } else {
      exit = Exit.fail(
        new ExecutionFailed({ message: `onnx runtime error: ${message!.error!.trim()}`, model: this.options.model })
      )
    }
    this.target.known.trim()
    answer(exit)
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
    Atomics.notify(this.mailbox.words, Word.request)
  }

  private lose(reason: string): void {
    if (this.isLost) return
    this.isLost = true
    this.options.bell.stopped(this)
    const running = this.running
    this.running = undefined
    Deferred.doneUnsafe(this.lost, Exit.succeed(reason))
    if (running === undefined) return
    if (this.isEnded) RunRequest.free(running.written, true)
    else void this.ended.then(() => RunRequest.free(running.written, true))
    running.answer(this.instanceLost(reason))
  }

  private instanceLost(reason: string): Exit.Exit<never, InstanceLost> {
    const { model, name } = this.options
    return Exit.fail(
      new InstanceLost({
        message: `instance '${name}' of model '${model}' was lost while it ran the request: ${reason}; ` +
          "the instance is being restarted, try again",
        model,
        instance: name
      })
    )
  }

  /** Ends the thread. Nothing runs in it any more, or it was abandoned. */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.isEnded || this.isLost) return resume(Effect.void)
    this.isLost = true
    this.options.bell.stopped(this)
    this.leave()
    const late = setTimeout(() => void this.worker.terminate(), closeMillis)
    void this.ended.then(() => {
      clearTimeout(late)
      resume(Effect.void)
    })
    return undefined
  })
}

const startWorker = (
  file: URL,
  start: Mailbox.Start,
  transferList: ReadonlyArray<MessagePort>,
  heapMegabytes: number
): Worker =>
  new Worker(file, {
    name: "galatea-instance",
    workerData: start,
    transferList: [...transferList],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes }
  })

/** Waits until the worker has opened its session. */
const opened = (
  worker: Worker,
  refuse: (reason: string) => LoadFailed
): Effect.Effect<Extract<Mailbox.FromWorker, { readonly _tag: "Opened" }>, LoadFailed> =>
  Effect.callback((resume) => {
    const onMessage = (message: Mailbox.FromWorker) => {
      if (message === 0) return
      done(
        message._tag === "Opened"
          ? Exit.succeed(message)
          : Exit.fail(refuse(`onnx runtime error: ${message.reason.trim()}`))
      )
    }
    const onError = (error: unknown) =>
      done(Exit.fail(refuse(`its worker failed: ${error instanceof Error ? error.message : String(error)}`)))
    const onExit = (code: number) => done(Exit.fail(refuse(`its worker ended with code ${code} before it was open`)))
    const stop = () => {
      worker.off("message", onMessage)
      worker.off("error", onError)
      worker.off("exit", onExit)
    }
    const done = (exit: Exit.Exit<Extract<Mailbox.FromWorker, { readonly _tag: "Opened" }>, LoadFailed>) => {
      stop()
      resume(exit)
    }
    worker.on("message", onMessage)
    worker.on("error", onError)
    worker.on("exit", onExit)
    return Effect.sync(stop)
  })

const refusal = (options: { readonly model: string; readonly version?: number; readonly path: string }) => {
  const what = options.version === undefined ? `'${options.model}'` : `'${options.model}' version ${options.version}`
  return (reason: string) =>
    new LoadFailed({
      message: `failed to load ${what} from '${options.path}': ${reason}`,
      model: options.model,
      code: "INTERNAL"
    })
}

/**
 * Starts a worker and opens the model in it; the scope ends both, and waits for the thread's end.
 *
 * @category constructors
 */
export const spawn = (
  options: Options,
  check: (opened: Extract<Mailbox.FromWorker, { readonly _tag: "Opened" }>) => string | undefined
): Effect.Effect<Instance, LoadFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const instance = yield* Effect.acquireRelease(
      Effect.sync(() => new OrtInstance(options)),
      (instance) => instance.close
    )
    const refuse = refusal(options)
    const found = yield* opened(instance.worker, refuse)
    const problem = check(found)
    if (problem !== undefined) return yield* refuse(problem)
    instance.worker.on("message", options.bell.ring)
    return instance
  })

/**
 * Opens a model in a thread of its own, without running it, and says what the runtime says of it. Waits for the end of the
 * thread: to stop one that is inside the native runtime would end the process.
 *
 * @category constructors
 */
export const look = (options: {
  readonly model: string
  readonly path: string
  readonly worker: URL
  readonly heapMegabytes: number
}): Effect.Effect<Extract<Mailbox.FromWorker, { readonly _tag: "Opened" }>, LoadFailed> =>
  Effect.scoped(Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const settings: Mailbox.NativeSettings = { intraOpNumThreads: 1, graphOptimizationLevel: "disabled" }
        const worker = startWorker(options.worker, { path: options.path, settings }, [], options.heapMegabytes)
        return { worker, ended: new Promise<void>((resolve) => worker.once("exit", () => resolve())) }
      }),
      ({ ended }) => Effect.promise(() => ended)
    ),
    ({ worker }) => opened(worker, refusal(options))
  ))
