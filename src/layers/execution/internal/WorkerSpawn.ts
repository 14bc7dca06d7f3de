/** Opens an execution instance: starts its thread, and waits until the model is open in it. */
import { Duration, Effect, type Scope } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Instance } from "./Instance.ts"
import * as WorkerInstance from "./WorkerInstance.ts"
import * as WorkerThread from "./WorkerThread.ts"

/**
 * Starts a worker and opens the model in it; the scope ends both, and waits for the thread's end.
 *
 * @category constructors
 */
export const spawn = (
  options: WorkerInstance.Options,
  check?: (opened: WorkerThread.Opened) => string | undefined
): Effect.Effect<Instance, LoadFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { kind, kind: { openWithin } } = options
    const instance = yield* Effect.acquireRelease(
      Effect.sync(() => new WorkerInstance.WorkerInstance(options)),
      (instance) => instance.close
    )
    const refuse = WorkerThread.refusal(options)
    const opened = WorkerThread.opened(instance.worker, kind, refuse)
    const found = yield* openWithin === undefined || !Duration.isFinite(openWithin.duration) ?
      opened :
      Effect.timeoutOrElse(opened, {
        duration: openWithin.duration,
        orElse: () => refuse(`it was not open within ${Duration.format(openWithin.duration)} ${openWithin.words}`)
      })
    instance.isOpen = true
    const problem = check?.(found)
    if (problem !== undefined) return yield* refuse(problem)
    if (found.hears === true) instance.sequenceEnded = instance.tellEnd
    instance.worker.on("message", options.bell.ring)
    return instance
  })
