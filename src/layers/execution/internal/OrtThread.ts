/** The thread of a session: how it is started, and how it says that its model is open. */
import { Effect, Exit } from "effect"
import { type MessagePort, Worker } from "node:worker_threads"
import { LoadFailed } from "../../../schema/Errors.ts"
import type * as Mailbox from "./Mailbox.ts"

/** The worker's file: TypeScript where this runs from sources, JavaScript in the built package. */
export const workerFile: URL = new URL(
  import.meta.url.endsWith(".ts") ? "./OrtWorker.ts" : "./OrtWorker.js",
  import.meta.url
)

/** What a worker found in its model. @category models */
export type Opened = Extract<Mailbox.FromWorker, { readonly _tag: "Opened" }>

/** Starts a worker. @category constructors */
export const startWorker = (
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

/** Waits until the worker has opened its session. @category getters */
export const opened = (
  worker: Worker,
  refuse: (reason: string) => LoadFailed
): Effect.Effect<Opened, LoadFailed> =>
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
}): Effect.Effect<Opened, LoadFailed> =>
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
