/** Runs custom models: modules of TypeScript or JavaScript, each instance in a worker thread or a process of its own. */
import { Clock, Duration, Effect, FiberSet, Layer, References, type Schedule } from "effect"
import { dirname } from "node:path"
import type { Worker } from "node:worker_threads"
import { LoadFailed } from "../../schema/Errors.ts"
import * as InstanceParameters from "../../schema/InstanceParameters.ts"
import { Executor, type Isolation, type ModelPlan } from "../../services/Executor.ts"
import { LogSettings } from "../../services/LogSettings.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import { AnswerBell } from "./internal/AnswerBell.ts"
import type * as Breaker from "./internal/Breaker.ts"
import type { CustomStart, CustomThreadStart, ToCustomWorker } from "./internal/CustomStart.ts"
import * as InstanceBounds from "./internal/InstanceBounds.ts"
import * as InstancePool from "./internal/InstancePool.ts"
import type { FromWorker, Log } from "./internal/Mailbox.ts"
import * as Mailbox from "./internal/Mailbox.ts"
import * as Environment from "./internal/process/Environment.ts"
import * as ProcessHost from "./internal/process/ProcessHost.ts"
import * as ProcessSpawn from "./internal/process/ProcessSpawn.ts"
import * as RunRequest from "./internal/RunRequest.ts"
import type { WorkerKind } from "./internal/WorkerKind.ts"
import * as WorkerSpawn from "./internal/WorkerSpawn.ts"
import * as WorkerThread from "./internal/WorkerThread.ts"

/** @category models */
export interface Options {
  /** Where instances run, unless a plan says otherwise. Default: `auto`, which is in threads. */
  readonly isolation?: Isolation
  /**
   * A run that takes longer counts as an instance that does not answer: the request fails, and the thread or process is ended and replaced.
   * Loading the module and its setup may take as long. Default: 5 minutes.
   */
  readonly stallTimeout?: Duration.Input
  /** Resident bytes of a process of instances, beyond which it is ended and replaced. Default: no bound. */
  readonly maxMemoryBytes?: number | undefined
  /** Bytes by which such a process may grow after its first runs before it is replaced between two runs. Default: no bound. */
  readonly maxGrowthBytes?: number | undefined
  /** After how many losses no more instance is started for a while. Default: 5 within a minute, and half a minute. */
  readonly breaker?: Breaker.Options | undefined
  /** Delays before a lost instance is opened again. Default: 100 ms, doubling up to 30 s, without end. */
  readonly restart?: Schedule.Schedule<unknown>
  /** A process whose heart has not beaten for so long is ended. Default: 3 seconds. */
  readonly heartbeatTimeout?: Duration.Input
  /** JavaScript heap of a worker, in megabytes; what lies in array buffers does not count. Default: 512. */
  readonly workerHeapMegabytes?: number
  /** Lines per second that each instance may write into the log, on average over ten seconds. Default: 100. */
  readonly logLines?: number
  /** Longest line of them, in characters. Default: 16384. */
  readonly maxLogLength?: number
}

/** The worker's file: TypeScript where this runs from sources, JavaScript in the built package. */
const workerFile = new URL(
  import.meta.url.endsWith(".ts") ? "./internal/CustomWorker.ts" : "./internal/CustomWorker.js",
  import.meta.url
)

const runtime = "custom model"

const notOfModule: ReadonlySet<string | undefined> = new Set(["ERR_WORKER_OUT_OF_MEMORY", "ERR_WORKER_INIT_FAILED"])

/** A worker in its event loop hears messages only; one that was told needs no second one. */
const wake = (worker: Worker, words: Int32Array) => {
  if (Atomics.compareExchange(words, Mailbox.Word.asleep, 1, 0) === 1) {
    worker.postMessage(0 satisfies ToCustomWorker)
  }
}

const make = Effect.fnUntraced(function*(options: Options) {
  const memory = yield* TensorMemory
  const clock = yield* Clock.Clock
  const { verbosity } = yield* LogSettings
  const bell = new AnswerBell()
  const heapMegabytes = options.workerHeapMegabytes ?? 512
  const stallTimeout = Duration.fromInputUnsafe(options.stallTimeout ?? "5 minutes")

  const host = ProcessHost.options({
    ...(options.heartbeatTimeout === undefined ? {} : { heartbeatTimeout: options.heartbeatTimeout }),
    heapMegabytes,
    environment: Environment.ofCustomModels(process.env)
  })

  const open = Effect.fn("CustomExecutor.open")(function*(plan: ModelPlan) {
    const { model, outputs, parameters = {}, path, states = [], version } = plan
    const other = plan.instances.find((instance) => instance.device.kind !== "CPU")
    if (other !== undefined) {
      return yield* new LoadFailed({
        message:
          `instance '${other.name}' of model '${model}' asks for device ${other.device.kind} ${other.device.id}; ` +
          "a custom model runs on the CPU: give kind: KIND_CPU in its instance_group",
        model,
        code: "INVALID_ARG"
      })
    }
    const fork = yield* FiberSet.makeRuntime()
    const minimumLogLevel = yield* References.MinimumLogLevel
    const layout = RunRequest.layout(plan)
    const write = (instance: string, { level, text }: Log) => {
      fork(Effect.annotateLogs(Effect.logWithLevel(level)(text), { model, version, instance }))
    }
    const isolation = plan.isolation ?? options.isolation
    if (isolation === "inline") {
      return yield* WorkerThread.refusal(plan)(
        "it cannot run on the main thread, which is asked for with 'inline': it is a custom model, whose code may take any time. Let " +
          `it run elsewhere: set ${InstanceParameters.names.isolation}, or --model-isolation, to 'auto' or 'thread'`
      )
    }
    const startOf = (name: string): Omit<CustomStart, "log"> => ({
      path,
      instance: { model, version, instance: name, directory: dirname(path), parameters },
      inputAxes: layout.inputAxes,
      outputs,
      outputAxes: layout.outputRules.map(({ axis }) => axis),
      states,
      minimumLogLevel,
      run: { inputs: layout.inputs, outputs: layout.outputs }
    })
    const log = { linesPerSecond: options.logLines ?? 100, maxLength: options.maxLogLength ?? 16_384 }
    const openWithin = {
      duration: stallTimeout,
      words: "(--instance-stall-timeout-secs): the module or its 'make' took longer, or never ends"
    }
    const uncaught = (instance: string, stack: string) =>
      write(instance, { _tag: "Log", level: "Error", text: `an error that nothing in the module caught: ${stack}` })
    const kind: WorkerKind = {
      runtime,
      start: (run, instance) => {
        const start: CustomThreadStart = { ...startOf(instance), log: { ...log, verbosity }, run }
        const worker = WorkerThread.start(workerFile, start, [run.port], heapMegabytes)
        worker.on("message", (message: FromWorker) => {
          if (message !== 0 && message._tag === "Log") write(instance, message)
        })
        worker.on("error", (error: unknown) => {
          const { code, stack } = error as NodeJS.ErrnoException
          // The stack of a full heap is that of whoever came last, and where no thread could be started no module was there.
          if (stack !== undefined && !notOfModule.has(code)) uncaught(instance, stack)
        })
        return worker
      },
      wake,
      endedEarly: (code) => `the module ended its thread with code ${code} before it was ready`,
      openWithin
    }
    const openThread = (index: number) =>
      WorkerSpawn.spawn({
        model,
        version,
        path,
        name: plan.instances[index]!.name,
        layout,
        kind,
        memory,
        bell,
        now: () => clock.monotonicTimeNanosUnsafe()
      })
    const openProcess = (index: number) => {
      const { name } = plan.instances[index]!
      return ProcessSpawn.within(host, (process) =>
        ProcessSpawn.spawn({
          model,
          version,
          path,
          name,
          layout,
          kind,
          memory,
          host: process,
          what: {
            _tag: "Custom",
            start: {
              ...startOf(name),
              log: { ...log, verbosity: verbosity === undefined ? undefined : Atomics.load(verbosity, 0) }
            }
          },
          openWithin,
          verbosity,
          told: (told) => {
            if (told._tag === "Log") write(name, told)
            else if (told._tag === "Failed" && told.stack !== undefined) uncaught(name, told.stack)
          },
          now: () => clock.monotonicTimeNanosUnsafe()
        }))
    }
    return yield* InstancePool.make({
      model,
      count: plan.instances.length,
      passive: InstancePool.passiveOf(plan),
      open: isolation === "process" ? openProcess : openThread,
      restart: options.restart ?? InstancePool.defaultRestart,
      stableAfter: "1 minute",
      bounds: InstanceBounds.of(plan, { ...options, stallTimeout }),
      breaker: options.breaker,
      poll: bell.look
    })
  })

  return Executor.of({
    devices: [{ kind: "CPU", id: 0 }],
    // A module says nothing of its tensors: its config does.
    inspect: () => Effect.succeed({ inputs: [], outputs: [] }),
    open
  })
})

/** Custom models, with default options. @category layers */
export const layer: Layer.Layer<Executor, never, TensorMemory> = Layer.effect(Executor, make({}))

/** Custom models on worker threads of this process, or in processes of their own. @category layers */
export const layerWith = (options: Options): Layer.Layer<Executor, never, TensorMemory> =>
  Layer.effect(Executor, make(options))
