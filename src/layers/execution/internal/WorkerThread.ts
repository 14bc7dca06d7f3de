/** The thread of an instance: how it is started, and how it says that its model is open. */
import { Effect, Exit } from "effect"
import { type MessagePort, Worker } from "node:worker_threads"
import { LoadFailed } from "../../../schema/Errors.ts"
import type * as Mailbox from "./Mailbox.ts"
import * as SystemRefusal from "./SystemRefusal.ts"
import type { WorkerKind } from "./WorkerKind.ts"

/** What a worker found in its model. @category models */
export type Opened = Extract<Mailbox.FromWorker, { readonly _tag: "Opened" }>

/**
 * Megabytes of young objects in a worker's heap. A full heap ends the worker; with V8's own measure, 48 MB, what is young at that moment
 * is often more than V8 still finds room for, and it ends the whole process.
 */
const youngMegabytes = 8

/** Starts a worker. `data` is what it is told. @category constructors */
export const start = (
  file: URL,
  data: object,
  transferList: ReadonlyArray<MessagePort>,
  heapMegabytes: number
): Worker =>
  new Worker(file, {
    name: "galatea-instance",
    workerData: data,
    transferList: [...transferList],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes, maxYoungGenerationSizeMb: youngMegabytes }
  })

/** Waits until the worker has opened its model. @category getters */
export const opened = (
  worker: Worker,
  { endedEarly = (code) => `its worker ended with code ${code} before it was open`, runtime }: Pick<
    WorkerKind,
    "endedEarly" | "runtime"
  >,
  refuse: (reason: string) => LoadFailed
): Effect.Effect<Opened, LoadFailed> =>
  Effect.callback((resume) => {
    const onMessage = (message: Mailbox.FromWorker) => {
      if (message === 0 || message._tag === "Log") return
      done(
        message._tag === "Opened"
          ? Exit.succeed(message)
          : Exit.fail(refuse(`${runtime} error: ${message.reason.trim()}`))
      )
    }
    const onError = (error: unknown) => done(Exit.fail(refuse(`its worker failed: ${SystemRefusal.wordsOf(error)}`)))
    const onExit = (code: number) => done(Exit.fail(refuse(endedEarly(code))))
    const stop = () => {
      worker.off("message", onMessage)
      worker.off("error", onError)
      worker.off("exit", onExit)
    }
    const done = (exit: Exit.Exit<Opened, LoadFailed>) => {
      stop()
      resume(exit)
    }
    worker.on("message", onMessage)
    worker.on("error", onError)
    worker.on("exit", onExit)
    return Effect.sync(stop)
  })

/** The failure to load a model for a reason. @category errors */
export const refusal = (options: { readonly model: string; readonly version?: number; readonly path: string }) => {
  const what = options.version === undefined ? `'${options.model}'` : `'${options.model}' version ${options.version}`
  return (reason: string) =>
    new LoadFailed({
      message: `failed to load ${what} from '${options.path}': ${reason}`,
      model: options.model,
      code: "INTERNAL"
    })
}
