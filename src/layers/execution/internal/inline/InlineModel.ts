/** An open version on the main thread: one native session, which all of its instances share, since they run one after the other. */
import { Cause, Effect, Exit, Latch, type Schedule, Scope } from "effect"
import * as DataType from "../../../../schema/DataType.ts"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import type { ModelPlan } from "../../../../services/Executor.ts"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { Instance } from "../Instance.ts"
import type { NativeSettings } from "../Mailbox.ts"
import type * as RunRequest from "../RunRequest.ts"
import type { Opened } from "../WorkerThread.ts"
import { InlineInstance } from "./InlineInstance.ts"
import { InlineRunner } from "./InlineRunner.ts"
import type { InputBound } from "./RunBounds.ts"
import * as SlowRuns from "./SlowRuns.ts"
import type { Turns } from "./Turns.ts"

/** @category models */
export interface Options {
  readonly plan: ModelPlan
  readonly layout: RunRequest.Layout
  readonly settings: NativeSettings
  readonly memory: TensorMemory["Service"]
  readonly turns: Turns
  readonly usedTime: SlowRuns.UsedTime
  readonly turnNanos: number
  /** What a run of the largest batch was measured to take. */
  readonly runNanos: number
  /** How large its inputs may be here; absent: as large as they come. */
  readonly bounds: ReadonlyArray<InputBound> | undefined
  /** Delays before each next attempt to open a thread for what moves. */
  readonly restart: Schedule.Schedule<unknown>
  readonly refuse: (reason: string) => LoadFailed
  readonly check: (opened: Pick<Opened, "inputs" | "outputs">) => string | undefined
  /** Opens an instance in a thread. */
  readonly openThread: (index: number) => Effect.Effect<Instance, LoadFailed, Scope.Scope>
  /** It is too slow for the main thread, or was given more than what it was measured with. */
  readonly onMove: (reason: string) => void
}

/** @category models */
export interface InlineModel {
  /** Opens an instance: on the main thread as long as the model has not left it. */
  readonly open: (index: number) => Effect.Effect<Instance, LoadFailed, Scope.Scope>
  /** Instances that have moved into threads. */
  readonly moved: () => number
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim()

/** The scope closes the session; no instance may run in it any more. @category constructors */
export const open = Effect.fnUntraced(
  function*(options: Options): Effect.fn.Return<InlineModel, LoadFailed, Scope.Scope> {
    const { check, layout, memory, plan, refuse, settings, turns } = options
    const Session = yield* Effect.promise(() => import("../OrtSession.ts"))
    const session = yield* Effect.acquireRelease(
      Effect.try({
        try: () => Session.open(plan.path, settings),
        catch: (error) => refuse(`onnx runtime error: ${message(error)}`)
      }),
      (session) => Effect.sync(session.close)
    )
    const problem = check({ inputs: session.inputs, outputs: session.outputs })
    if (problem !== undefined) return yield* refuse(problem)
    const runner = new InlineRunner({
      model: plan.model,
      layout,
      memory,
      session,
      outputTypes: plan.outputs.map(({ datatype, name }) => {
        const found = session.outputs.find((output) => output.name === name)
        return found === undefined ? datatype : DataType.fromOnnx(found.elementType)!.name
      })
    })
    const slow = new SlowRuns.SlowRuns(options.usedTime, options.runNanos, options.turnNanos)
    const tooSlow = `too many of its runs took more than ${Math.round(slow.limit * 1000)} µs, and ` +
      `${Math.round(options.runNanos / 1000)} µs when it was measured`
    const moving = yield* Latch.make(false)
    let isMoving = false
    let reason = tooSlow
    let moved = 0

    const onMove = (why: string) => {
      if (isMoving) return
      isMoving = true
      reason = why
      options.onMove(reason)
      moving.openUnsafe()
    }

    /**
     * Waits until the model has to leave, and moves an instance into a thread. Where none can be opened the instance goes on here with
     * what may run here, and it is tried again after the delays of lost instances: with those of the server without end, twice a minute
     * in the long run, until the instance closes. Where the delays end it is lost, and its pool opens another one in a thread at once.
     */
    const move = Effect.fnUntraced(function*(index: number, instance: InlineInstance) {
      yield* moving.await
      const { name } = plan.instances[index]!
      yield* Effect.logWarning(
        `instance '${name}' of model '${plan.model}' moves from the main thread into a thread of its own: ${reason}`
      )
      const scope = yield* Effect.scope
      const openThread = Effect.suspend(() => {
        instance.moves()
        const own = Scope.forkUnsafe(scope)
        return Effect.onError(
          Scope.provide(options.openThread(index), own),
          (cause) => Scope.close(own, Exit.failCause(cause))
        )
      })
      const other = yield* Effect.retry(
        Effect.tapError(openThread, (error) => {
          instance.stayed("it could not be opened in a thread")
          return Effect.logError(
            `instance '${name}' of model '${plan.model}' is still on the main thread: it could not be opened elsewhere`,
            error
          )
        }),
        options.restart
      )
      moved++
      yield* instance.moveTo(other)
    })

    return {
      moved: () => moved,
      open: (index) =>
        Effect.suspend((): Effect.Effect<Instance, LoadFailed, Scope.Scope> => {
          if (isMoving) return options.openThread(index)
          return Effect.gen(function*() {
            const instance = yield* Effect.acquireRelease(
              Effect.sync(() =>
                new InlineInstance({
                  model: plan.model,
                  name: plan.instances[index]!.name,
                  runner,
                  turns,
                  slow,
                  onSlow: () => onMove(tooSlow),
                  layout,
                  bounds: options.bounds,
                  onExcess: onMove
                })
              ),
              (instance) => instance.close
            )
            yield* Effect.forkScoped(
              Effect.catchCause(move(index, instance), (cause) =>
                Cause.hasInterrupts(cause)
                  ? Effect.interrupt
                  : Effect.andThen(
                    Effect.logError(`instance '${instance.name}' of model '${plan.model}' could not be moved`, cause),
                    Effect.sync(() => instance.lose("it could not be opened in a thread"))
                  ))
            )
            return instance
          })
        })
    }
  }
)
