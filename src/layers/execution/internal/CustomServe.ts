/**
 * Serves a custom model: loads its module, then runs what it is asked for, one batch at a time. Loaded by the thread and by the process
 * of an instance.
 *
 * Unlike a session it lives in an event loop, which the effects of a model need; so a message wakes it. It loads modules of Effect one by
 * one: all of them together take 20 MB more in each instance.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { format } from "node:util"
import { trimHeap } from "../../HeapTrim.ts"
import * as CustomFailure from "./CustomFailure.ts"
import * as CustomImports from "./CustomImports.ts"
import { CustomLog } from "./CustomLog.ts"
import * as CustomModule from "./CustomModule.ts"
import { CustomRunner, effectOf } from "./CustomRunner.ts"
import type { CustomStart, ToCustomWorker } from "./CustomStart.ts"
import type { FromWorker, Log } from "./Mailbox.ts"
import type { RunQueue } from "./RunQueue.ts"

/** Nothing to do for so long: time to give back what starting up has used, once. */
const idleMillis = 1000
/** Runs that end at once keep the event loop waiting no longer than this. */
const turnMillis = 10

/** How a custom model and the server hear of each other. @category models */
export interface CustomLink {
  /** What it is asked to run. */
  readonly queue: RunQueue
  readonly say: (message: Exclude<FromWorker, 0>) => void
  /** Ends of sequences that were told and not yet heard, in order. */
  readonly hear: () => ReadonlyArray<Ended>
  /** Calls whenever something was told or asked for. */
  readonly listen: (wake: () => void) => void
  /** Ends the thread or process after everything that was said; never comes back. */
  readonly exit: () => Promise<never>
}

/** What a model logs is the server's to write. */
const loggerTo = (log: CustomLog) =>
  Logger.make<unknown, void>(({ cause, logLevel, message }) => {
    const level = logLevel === "All" || logLevel === "None" ? "Info" : logLevel
    if (!log.wants(level)) return
    const words = Array.isArray(message) ? message : [message]
    const text = words.map((word) => typeof word === "string" ? word : CustomFailure.messageOf(word)).join(" ")
    log.write(level, cause.reasons.length === 0 ? text : `${text}\n${CustomFailure.prettyOf(cause)}`)
  })

const printed = (log: CustomLog, level: Log["level"]) => (...words: ReadonlyArray<unknown>) => {
  if (log.wants(level)) log.write(level, format(...words))
}

/** What a model prints as well: by itself it would stand between the lines of the log. */
const takePrinted = (log: CustomLog) => {
  Object.assign(globalThis.console, {
    debug: printed(log, "Debug"),
    error: printed(log, "Error"),
    info: printed(log, "Info"),
    log: printed(log, "Info"),
    warn: printed(log, "Warn")
  })
}

const contextOf = ({ minimumLogLevel }: CustomStart, log: CustomLog) =>
  Context.make(References.CurrentLoggers, new Set([loggerTo(log)])).pipe(
    Context.add(References.MinimumLogLevel, minimumLogLevel)
  )

type Ended = Exclude<ToCustomWorker, 0>
type Model = CustomModule.OpenModel

const serve = (
  start: CustomStart,
  link: CustomLink,
  log: CustomLog,
  model: Model,
  context: ReturnType<typeof contextOf>,
  scope: Scope.Closeable
) => {
  const mailbox = link.queue
  const runner = new CustomRunner({ start, mailbox, model, context, log: (text) => log.write("Error", text) })
  const ended: Array<Ended> = []
  let busy = false
  let ranAt = 0

  const tell = async ({ id, why }: Ended) => {
    const exit = await Effect.runPromiseExitWith(context)(effectOf(() => model.onSequenceEnd?.(id, why)))
    if (Exit.isSuccess(exit)) return
    const { defect, message } = CustomFailure.ofCause(exit.cause)
    log.write("Error", `onSequenceEnd failed for sequence ${id}: ${defect ?? message}`)
  }

  const close = async () => {
    const exit = await Effect.runPromiseExitWith(context)(Scope.close(scope, Exit.void))
    if (Exit.isFailure(exit)) log.write("Error", `closing failed: ${CustomFailure.prettyOf(exit.cause)}`)
    log.tellDropped()
    // Timers and sockets of the model would keep the thread.
    await link.exit()
  }

  /** What was told before the next run was asked for comes before it. */
  const hear = () => {
    for (const told of link.hear()) ended.push(told)
  }

  /** Goes on when what takes its time has ended; nothing else begins until then. */
  const after = <A>(ending: Promise<A>, then: (value: A) => void) => {
    busy = true
    void ending.then((value) => {
      busy = false
      then(value)
      work()
    })
  }

  /** Since when the event loop has waited for this thread to have nothing to do. */
  let turned = performance.now()
  const turn = () => {
    turned = performance.now()
  }

  const work = (): void => {
    while (true) {
      hear()
      const end = ended.shift()
      if (end !== undefined) return after(tell(end), () => {})
      if (!mailbox.isAsked()) {
        mailbox.sleeps(true)
        if (!mailbox.isAsked()) return
        mailbox.sleeps(false)
      }
      if (mailbox.isClosing()) return after(close(), () => {})
      if (performance.now() - turned >= turnMillis) return after(new Promise<void>(setImmediate), turn)
      if (!mailbox.begin()) continue
      ranAt = performance.now()
      const outcome = runner.run()
      if (outcome instanceof Promise) return after(outcome, (outcome) => mailbox.end(outcome))
      mailbox.end(outcome)
    }
  }

  link.listen(() => {
    if (busy) return
    turn()
    work()
  })
  work()

  const trimWhenIdle = () => {
    if (busy || performance.now() - ranAt < idleMillis) setTimeout(trimWhenIdle, idleMillis).unref()
    else trimHeap()
  }
  setTimeout(trimWhenIdle, idleMillis).unref()
}

/** Opens the custom model, and serves it until it is asked to end. */
export const main = async (start: CustomStart, link: CustomLink): Promise<void> => {
  const { say } = link
  const log = new CustomLog(start.log, say, () => performance.now())
  takePrinted(log)
  CustomImports.register()
  const context = contextOf(start, log)
  const scope = Scope.makeUnsafe()
  // Nothing is left in the event loop, so nothing can end what is still waited for.
  const stuck = () =>
    say({ _tag: "Refused", reason: "the module waits without end: for a promise at its top, or in 'make'" })
  process.once("beforeExit", stuck)
  const exit = await Effect.runPromiseExitWith(context)(
    Scope.provide(CustomModule.open(start.path, start.instance), scope)
  )
  process.off("beforeExit", stuck)
  if (Exit.isFailure(exit)) {
    await Effect.runPromiseExit(Scope.close(scope, exit))
    return say({ _tag: "Refused", reason: CustomFailure.ofLoading(exit.cause) })
  }
  say({ _tag: "Opened", inputs: [], outputs: [], hears: exit.value.onSequenceEnd !== undefined })
  serve(start, link, log, exit.value, context, scope)
}
