/** Opens an execution instance in a process, and looks at models there. */
import { Deferred, Duration, Effect, Exit, type Scope } from "effect"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import type { Instance } from "../Instance.ts"
import type { NativeSettings } from "../Mailbox.ts"
import * as WorkerThread from "../WorkerThread.ts"
import { HostProcess, type Options as HostOptions } from "./HostProcess.ts"
import type { LookedAt } from "./LookedAt.ts"
import * as ProcessInstance from "./ProcessInstance.ts"
import type { CustomOpen, FromProcess, SessionOpen } from "./Told.ts"

/** @category models */
export interface Options extends Omit<ProcessInstance.Options, "told"> {
  readonly what: SessionOpen | CustomOpen
  /** Whoever takes longer to open its model is ended. */
  readonly openWithin: { readonly duration: Duration.Duration; readonly words: string }
  /** Hears what it logs, and of errors that nothing caught. */
  readonly told?: (told: FromProcess) => void
  /** The process has instances of others too, which a model that is refused, or not wanted any more, leaves alone. Default: `false`. */
  readonly shared?: boolean
}

/** A process for as long as the scope is open, one that is there already before a new one; the scope waits for its end. @category resources */
export const host = (
  options: HostOptions,
  there: () => HostProcess | undefined = () => undefined
): Effect.Effect<HostProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => there() ?? new HostProcess(options)),
    (host) => Effect.suspend(() => host.isKept ? Effect.void : Effect.promise(() => host.close()))
  )

/** How often a process is started again that a signal to the group of the server has ended while it started. */
const maxStops = 3

/**
 * Starts a process and uses it. One that is ended while it starts by what a terminal or a supervisor sends to the whole group is
 * started again: it is the server that such a signal is for, which ends its processes itself.
 *
 * @category resources
 */
export const within = <A, R>(
  options: HostOptions,
  use: (host: HostProcess) => Effect.Effect<A, LoadFailed, R>,
  there?: () => HostProcess | undefined,
  stops = 0
): Effect.Effect<A, LoadFailed, R | Scope.Scope> =>
  Effect.flatMap(
    host(options, there),
    (process) =>
      Effect.catch(use(process), (error) =>
        process.isStopped && stops < maxStops
          ? Effect.andThen(
            Effect.logDebug(
              `a process of instances was stopped while it started, and is started again: ${error.message}`
            ),
            within(options, use, undefined, stops + 1)
          )
          : Effect.fail(error))
  )

type Opening = Extract<FromProcess, { readonly _tag: "Opened" | "Refused" }>

/** Waits for what a process says of a model that it was told to open. */
class Opened {
  private readonly waiting: Array<(exit: Exit.Exit<Opening, string>) => void> = []
  private exit: Exit.Exit<Opening, string> | undefined

  readonly end = (exit: Exit.Exit<Opening, string>): void => {
    this.exit ??= exit
    for (const resume of this.waiting.splice(0)) resume(this.exit)
  }

  readonly wait: Effect.Effect<Opening, string> = Effect.callback((resume) => {
    if (this.exit !== undefined) return resume(this.exit)
    this.waiting.push(resume)
    return undefined
  })
}

const found = (
  opened: Opened,
  runtime: string,
  refuse: (reason: string) => LoadFailed
): Effect.Effect<WorkerThread.Opened, LoadFailed> =>
  opened.wait.pipe(
    Effect.mapError(refuse),
    Effect.flatMap((told) =>
      told._tag === "Opened" ? Effect.succeed(told) : Effect.fail(refuse(`${runtime} error: ${told.reason.trim()}`))
    )
  )

/** Ends the process where it takes longer. */
const limited = (
  opening: Effect.Effect<WorkerThread.Opened, LoadFailed>,
  duration: Duration.Duration,
  words: string,
  refuse: (reason: string) => LoadFailed,
  host: HostProcess
): Effect.Effect<WorkerThread.Opened, LoadFailed> =>
  Duration.isFinite(duration)
    ? Effect.timeoutOrElse(opening, {
      duration,
      orElse: () => {
        host.kill("its model was not open in time")
        return Effect.fail(refuse(`it was not open within ${Duration.format(duration)} ${words}`))
      }
    })
    : opening

/**
 * Opens a model in a process; the scope closes it there.
 *
 * @category constructors
 */
export const spawn = (
  options: Options,
  check?: (opened: WorkerThread.Opened) => string | undefined
): Effect.Effect<Instance, LoadFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { host, kind: { runtime }, openWithin, told, what } = options
    const refuse = WorkerThread.refusal(options)
    const opened = new Opened()
    let isOpen = false
    const instance = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const instance = new ProcessInstance.ProcessInstance({
          ...options,
          told: (message) => {
            if (message._tag === "Opened" || message._tag === "Refused") opened.end(Exit.succeed(message))
            else told?.(message)
          }
        })
        host.tell(instance.id, { _tag: "Open", what })
        return instance
      }),
      (instance) =>
        Effect.suspend(() => {
          // Nobody waits for a model that is still being opened, except for those that share its process.
          if (options.shared === true) return instance.close
          if (!isOpen) instance.abandon("its model was not wanted any more")
          return isOpen ? instance.close : Effect.void
        })
    )
    const lost = Effect.flatMap(Deferred.await(instance.lost), () => Effect.fail(refuse(instance.lostInFull())))
    const opening = Effect.raceFirst(Effect.tap(found(opened, runtime, refuse), Deferred.await(host.beating)), lost)
    const result = yield* limited(opening, openWithin.duration, openWithin.words, refuse, host)
    const problem = check?.(result)
    if (problem !== undefined) return yield* refuse(problem)
    isOpen = true
    // What all of them take is nobody's own.
    if (options.shared === true) instance.memoryBytes = () => undefined
    if (result.hears === true) instance.sequenceEnded = instance.tellEnd
    return instance
  })

/**
 * Opens a model in a process of its own, without running it, and says what the runtime says of it: a model that ends the process
 * ends nothing else.
 *
 * @category constructors
 */
export const look = (options: {
  readonly model: string
  readonly path: string
  readonly runtime: string
  readonly settings: NativeSettings
  /** Whatever takes longer is ended. */
  readonly within: Duration.Duration
  readonly host: HostOptions
  /** Where its process may be kept for the model's first instance. */
  readonly kept: LookedAt
}): Effect.Effect<WorkerThread.Opened, LoadFailed> =>
  Effect.scoped(within(
    options.host,
    Effect.fnUntraced(function*(process) {
      const { path, settings } = options
      const opened = new Opened()
      const id = process.join({
        answered: () => {},
        told: (told) => {
          if (told._tag === "Opened" || told._tag === "Refused") opened.end(Exit.succeed(told))
        },
        ended: () => opened.end(Exit.fail(process.endedInFull))
      })
      process.tell(id, { _tag: "Look", path, settings })
      const refuse = WorkerThread.refusal(options)
      const opening = found(opened, options.runtime, refuse)
      const result = yield* limited(opening, options.within, "(--instance-stall-timeout-secs)", refuse, process)
      process.leave(id)
      process.isKept = options.kept.keep(path, process)
      // Nothing of it is needed any more.
      if (!process.isKept) process.kill("it was only looked at")
      return result
    })
  ))
