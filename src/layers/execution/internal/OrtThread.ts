/** The thread of a session. */
import { Effect } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type * as Mailbox from "./Mailbox.ts"
import * as WorkerThread from "./WorkerThread.ts"

/** The worker's file: TypeScript where this runs from sources, JavaScript in the built package. */
export const workerFile: URL = new URL(
  import.meta.url.endsWith(".ts") ? "./OrtWorker.ts" : "./OrtWorker.js",
  import.meta.url
)

/** Whose words errors repeat. @category constants */
export const runtime = "onnx runtime"

/** Enough to look at a model. @category constants */
export const lookSettings: Mailbox.NativeSettings = { intraOpNumThreads: 1, graphOptimizationLevel: "disabled" }

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
}): Effect.Effect<WorkerThread.Opened, LoadFailed> =>
  Effect.scoped(Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const start: Mailbox.Start = { path: options.path, settings: lookSettings }
        const worker = WorkerThread.start(options.worker, start, [], options.heapMegabytes)
        return { worker, ended: new Promise<void>((resolve) => worker.once("exit", () => resolve())) }
      }),
      ({ ended }) => Effect.promise(() => ended)
    ),
    ({ worker }) => WorkerThread.opened(worker, { runtime }, WorkerThread.refusal(options))
  ))
