/**
 * One thread for the looks at all models, one model at a time: a thread of its own for each would cost more than most looks. It starts
 * with the first look and ends when it has had none for a while.
 */
import { Effect, Exit, type Scope, Semaphore } from "effect"
import type { Worker } from "node:worker_threads"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import * as SystemRefusal from "../SystemRefusal.ts"
import * as WorkerThread from "../WorkerThread.ts"
import type { FromLooker, Look, Measure, ToLooker } from "./LookTask.ts"

/** @category models */
export interface Options {
  /** The worker's file. */
  readonly worker: URL
  readonly heapMegabytes: number
  /** After how many milliseconds without a look it ends. */
  readonly idleMillis: number
}

/** @category models */
export interface LookThread {
  /**
   * Waits for its turn, and then for the answer whatever happens to the caller: to stop a thread that is inside the native runtime
   * would end the process.
   */
  readonly ask: <A extends Exclude<FromLooker["_tag"], "Refused">>(
    task: Look | Measure,
    expected: A,
    refuse: (reason: string) => LoadFailed
  ) => Effect.Effect<Extract<FromLooker, { readonly _tag: A }>, LoadFailed>
}

interface Thread {
  readonly worker: Worker
  readonly ended: Promise<void>
}

/** What is started with this looks at models; see `OrtWorker`. @category constants */
export const start = { looks: true } as const

/** The scope ends the thread. @category constructors */
export const make = (options: Options): Effect.Effect<LookThread, never, Scope.Scope> =>
  Effect.gen(function*() {
    const one = yield* Semaphore.make(1)
    const threads = new Set<Thread>()
    let current: Thread | undefined
    let idle: NodeJS.Timeout | undefined

    const open = (): Thread => {
      clearTimeout(idle)
      if (current !== undefined) return current
      const worker = WorkerThread.start(options.worker, start, [], options.heapMegabytes)
      const thread: Thread = { worker, ended: new Promise((resolve) => worker.once("exit", () => resolve())) }
      // What concerns a look reaches who has asked; between two looks nothing waits for it.
      worker.on("error", () => forget(thread))
      worker.once("exit", () => {
        forget(thread)
        threads.delete(thread)
      })
      threads.add(thread)
      current = thread
      return thread
    }

    const forget = (thread: Thread) => {
      if (current === thread) current = undefined
    }

    const end = () => {
      current?.worker.postMessage(0 satisfies ToLooker)
      current = undefined
    }

    const rest = () => {
      idle = setTimeout(end, options.idleMillis).unref()
    }

    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        clearTimeout(idle)
        end()
        return Promise.all(Array.from(threads, ({ ended }) => ended))
      })
    )

    const answer = (task: Look | Measure, refuse: (reason: string) => LoadFailed) =>
      Effect.callback<FromLooker, LoadFailed>((resume) => {
        const { worker } = open()
        const done = (exit: Exit.Exit<FromLooker, LoadFailed>) => {
          worker.off("message", onMessage)
          worker.off("error", onError)
          worker.off("exit", onExit)
          rest()
          resume(exit)
        }
        const onMessage = (message: FromLooker) => done(Exit.succeed(message))
        const onError = (error: unknown) =>
          done(Exit.fail(refuse(`its worker failed: ${SystemRefusal.wordsOf(error)}`)))
        const onExit = (code: number) =>
          done(Exit.fail(refuse(`its worker ended with code ${code} before it was open`)))
        worker.on("message", onMessage)
        worker.on("error", onError)
        worker.on("exit", onExit)
        worker.postMessage(task)
      })

    const ask: LookThread["ask"] = (task, expected, refuse) =>
      one.withPermit(Effect.uninterruptible(
        Effect.flatMap(answer(task, refuse), (message) => {
          if (message._tag === "Refused") return Effect.fail(refuse(`onnx runtime error: ${message.reason.trim()}`))
          return message._tag === expected
            ? Effect.succeed(message as Extract<FromLooker, { readonly _tag: typeof expected }>)
            : Effect.die(new Error(`a look was answered with '${message._tag}'`))
        })
      ))
    return { ask }
  })
