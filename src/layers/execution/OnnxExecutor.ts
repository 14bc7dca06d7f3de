/**
 * Runs ONNX models with ONNX Runtime: on the main thread where that was measured to be quicker, otherwise each session in a worker thread
 * or a process of its own; those of WebGPU share one.
 */
import { Clock, Duration, Effect, Layer, type Schedule } from "effect"
import { availableParallelism } from "node:os"
import * as DataType from "../../schema/DataType.ts"
import { Executor, type Isolation, type ModelPlan, type SessionTensor } from "../../services/Executor.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import * as GpuDiscovery from "./GpuDiscovery.ts"
import { AnswerBell } from "./internal/AnswerBell.ts"
import type * as Breaker from "./internal/Breaker.ts"
import * as ElementType from "./internal/ElementType.ts"
import * as GpuProbe from "./internal/gpu/GpuProbe.ts"
import * as GpuSessions from "./internal/gpu/GpuSessions.ts"
import * as InlineModel from "./internal/inline/InlineModel.ts"
import type { InlineOptions } from "./internal/inline/InlineOptions.ts"
import * as Placing from "./internal/inline/Placing.ts"
import * as SlowRuns from "./internal/inline/SlowRuns.ts"
import { Turns } from "./internal/inline/Turns.ts"
import * as InstanceBounds from "./internal/InstanceBounds.ts"
import * as InstancePool from "./internal/InstancePool.ts"
import * as LookThread from "./internal/look/LookThread.ts"
import type { Found, NativeSettings, Start } from "./internal/Mailbox.ts"
import * as Mailbox from "./internal/Mailbox.ts"
import * as OrtThread from "./internal/OrtThread.ts"
import * as Environment from "./internal/process/Environment.ts"
import type { HostProcess } from "./internal/process/HostProcess.ts"
import * as LookedAt from "./internal/process/LookedAt.ts"
import * as ProcessHost from "./internal/process/ProcessHost.ts"
import * as ProcessSpawn from "./internal/process/ProcessSpawn.ts"
import * as RunRequest from "./internal/RunRequest.ts"
import * as RuntimeReports from "./internal/RuntimeReports.ts"
import * as ThreadBudget from "./internal/ThreadBudget.ts"
import type { WorkerKind } from "./internal/WorkerKind.ts"
import * as WorkerSpawn from "./internal/WorkerSpawn.ts"
import type { Opened } from "./internal/WorkerThread.ts"
import * as WorkerThread from "./internal/WorkerThread.ts"

/** @category models */
export interface GpuOptions extends GpuDiscovery.Options {
  /** Share of a GPU's memory in use, between 0 and 1, beyond which nothing more is loaded on it. Default: no limits. */
  readonly memoryLimits?: ReadonlyArray<GpuDiscovery.MemoryLimit>
}

/** @category models */
export interface Options {
  /** Cores to divide among the instances of a model. Default: what this machine has. */
  readonly cores?: number
  /** Where instances run, and models are looked at, unless a plan says otherwise. Default: `auto`. */
  readonly isolation?: Isolation
  /** Bounds of what runs on the main thread. Default: 50 µs a run, 20 ms to open, 1 ms in a row. */
  readonly inline?: InlineOptions
  /**
   * A run that takes longer counts as an instance that does not answer: the request fails and the instance is replaced. A process
   * is ended; in a thread the native call itself cannot be stopped, and the thread ends when the call returns. Default: 5 minutes.
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
  /** JavaScript heap of a worker, in megabytes; string tensors and answers need it, native memory does not count. Default: 512. */
  readonly workerHeapMegabytes?: number
  /** Whether GPUs are looked for, and how. Default: they are not, and models run on the CPU. */
  readonly gpus?: GpuOptions | undefined
  /** The worker's file. @internal */
  readonly worker?: URL
  /** `false`: large tensors cross to processes by the socket, as where there are no files in memory. @internal */
  readonly tensorFiles?: boolean
  /** The program of a process. @internal */
  readonly host?: URL
}

const shapeText = (shape: ReadonlyArray<number>) => `[${shape.join(",")}]`

const describe = (found: Found): SessionTensor => ({
  name: found.name,
  isTensor: found.isTensor,
  type: ElementType.nameOf(found),
  shape: found.shape
})

/** Why a model cannot run here although the runtime could open it: running it could end the process. */
const problemOf = (kind: "input" | "output", found: Found): string | undefined => {
  if (!found.isTensor) {
    return `${kind} '${found.name}' is no tensor; sequences, maps and optional values cannot be served`
  }
  if (DataType.fromOnnx(found.elementType)?.ort === undefined) {
    return `${kind} '${found.name}' ${shapeText(found.shape)} is of type ${ElementType.nameOf(found)}, ` +
      "which ONNX Runtime's JavaScript binding cannot carry"
  }
  return undefined
}

const problemIn = ({ inputs, outputs }: Pick<Opened, "inputs" | "outputs">): string | undefined => {
  for (const found of inputs) {
    const problem = problemOf("input", found)
    if (problem !== undefined) return problem
  }
  for (const found of outputs) {
    const problem = problemOf("output", found)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** The thread that looks at models ends when it has had nothing to do for so long. */
const lookIdleMillis = 1000

/** Threads of its own would cost a short run more than they give. */
const oneThread = ({ extra }: NativeSettings): NativeSettings => {
  const { session } = { ...extra } as { readonly session?: Readonly<Record<string, unknown>> }
  const { intra_op } = { ...session } as { readonly intra_op?: Readonly<Record<string, unknown>> }
  return {
    intraOpNumThreads: 1,
    extra: { ...extra, session: { ...session, intra_op: { allow_spinning: "0", ...intra_op } } }
  }
}

const make = Effect.fnUntraced(function*(options: Options) {
  // Before anything of the runtime is loaded: native code sees what the main thread sets, and nothing that a worker sets.
  RuntimeReports.decline(process.env)
  const memory = yield* TensorMemory
  const clock = yield* Clock.Clock
  const bell = new AnswerBell()
  const cores = options.cores ?? availableParallelism()
  const worker = options.worker ?? OrtThread.workerFile
  const heapMegabytes = options.workerHeapMegabytes ?? 512
  const restart = options.restart ?? InstancePool.defaultRestart

  const stallTimeout = Duration.fromInputUnsafe(options.stallTimeout ?? "5 minutes")
  const isolation = options.isolation ?? "auto"
  const looking = { worker, heapMegabytes, idleMillis: lookIdleMillis }
  const looks = yield* LookThread.make(looking)
  const placing = Placing.make(looks, options.inline)
  const turns = new Turns(placing.bounds.turnNanos)
  const usedTime = new SlowRuns.UsedTime()
  yield* Effect.forEach(InstanceBounds.explanations(options), (words) => Effect.logWarning(words), { discard: true })
  const { gpus } = options
  const discovered = gpus === undefined ? undefined : yield* GpuDiscovery.discover(gpus)
  const host = ProcessHost.options({
    ...(options.host === undefined ? {} : { file: options.host }),
    ...(options.heartbeatTimeout === undefined ? {} : { heartbeatTimeout: options.heartbeatTimeout }),
    files: options.tensorFiles,
    heapMegabytes,
    environment: { ...Environment.ofSessions(gpus?.environment ?? process.env), ...GpuProbe.numbering }
  })
  const sessions = yield* GpuSessions.make({
    devices: discovered?.devices ?? [],
    memoryLimits: gpus?.memoryLimits ?? [],
    host,
    path: gpus?.environment?.["PATH"]
  })

  /** Nobody is to wait for a look at a large file. */
  const looksFor = <A, E>(path: string, use: (looks: LookThread.LookThread) => Effect.Effect<A, E>) =>
    Placing.fileBytes(path) <= Placing.maxFileBytes
      ? use(looks)
      : Effect.scoped(Effect.flatMap(LookThread.make(looking), use))

  const sessionKind = ({ path }: ModelPlan, settings: NativeSettings): WorkerKind => ({
    runtime: OrtThread.runtime,
    start: (run) => WorkerThread.start(worker, { path, settings, run } satisfies Start, [run.port], heapMegabytes),
    wake: (_, words) => void Atomics.notify(words, Mailbox.Word.request)
  })

  const looked = yield* LookedAt.make
  const takeLooked = (path: string) => {
    const process = looked.take(path)
    if (process !== undefined) process.isKept = false
    return process
  }

  const open = Effect.fn("OnnxExecutor.open")(function*(plan: ModelPlan) {
    yield* sessions.admit(plan)
    const passive = InstancePool.passiveOf(plan)
    const budget = ThreadBudget.settings(
      plan.session,
      Math.max(1, plan.instances.length - passive.size),
      cores
    )
    const layout = RunRequest.layout(plan)
    const refuse = WorkerThread.refusal(plan)
    const openProcess = (index: number, settings: NativeSettings, shared: boolean) => {
      const openIn = (process: HostProcess) =>
        ProcessSpawn.spawn({
          model: plan.model,
          version: plan.version,
          path: plan.path,
          name: plan.instances[index]!.name,
          layout,
          kind: sessionKind(plan, settings),
          memory,
          host: process,
          shared,
          what: { _tag: "Session", path: plan.path, settings, run: layout },
          openWithin: { duration: stallTimeout, words: "(--instance-stall-timeout-secs)" },
          now: () => clock.monotonicTimeNanosUnsafe()
        }, problemIn)
      return shared
        ? Effect.flatMap(sessions.shared, openIn)
        : ProcessSpawn.within(host, openIn, () => takeLooked(plan.path))
    }
    const openThread = (index: number, settings: NativeSettings) =>
      WorkerSpawn.spawn({
        model: plan.model,
        version: plan.version,
        path: plan.path,
        name: plan.instances[index]!.name,
        layout,
        kind: sessionKind(plan, settings),
        memory,
        bell,
        now: () => clock.monotonicTimeNanosUnsafe()
      }, problemIn)
    const openElsewhere = (index: number) => {
      const instance = plan.instances[index]!
      const settings = sessions.settings(instance, budget)
      const place = sessions.place(instance, plan.isolation, isolation)
      return place === "process" || place === "shared"
        ? openProcess(index, settings, place === "shared")
        : openThread(index, settings)
    }
    const wish = plan.isolation ?? isolation
    const inlineSettings = { ...budget, ...oneThread(budget) }
    const place = wish === "auto" || wish === "inline"
      ? yield* placing.place(plan, wish, inlineSettings, refuse)
      : undefined
    if (place?._tag === "Thread") {
      yield* Effect.logDebug(
        `model '${plan.model}' version ${plan.version} does not run on the main thread: ${place.reason}`
      )
    }
    const inline = place?._tag !== "Inline" ? undefined : yield* InlineModel.open({
      plan,
      layout,
      settings: inlineSettings,
      memory,
      turns,
      usedTime,
      turnNanos: placing.bounds.turnNanos,
      runNanos: place.runNanos,
      bounds: place.bounds,
      restart,
      refuse,
      check: problemIn,
      openThread: openElsewhere,
      onMove: (reason) => placing.exclude(plan, reason)
    })
    return yield* InstancePool.make({
      model: plan.model,
      count: plan.instances.length,
      passive,
      open: inline?.open ?? openElsewhere,
      onLoss: (reason) => placing.exclude(plan, `an instance of it was lost: ${reason}`),
      ...(inline === undefined ? {} : { moved: inline.moved }),
      restart,
      stableAfter: "1 minute",
      bounds: InstanceBounds.of(plan, { ...options, stallTimeout }),
      breaker: options.breaker,
      poll: bell.look
    })
  })

  return Executor.of({
    devices: [{ kind: "CPU", id: 0 }, ...(discovered?.devices ?? [])],
    ...(discovered === undefined ? {} : { gpus: discovered.support }),
    inspect: Effect.fn("OnnxExecutor.inspect")(function*({ model, path }) {
      const { inputs, outputs } = isolation === "process"
        ? yield* ProcessSpawn.look({
          model,
          path,
          runtime: OrtThread.runtime,
          settings: OrtThread.lookSettings,
          within: stallTimeout,
          host,
          kept: looked
        })
        : yield* looksFor(path, ({ ask }) =>
          ask(
            { _tag: "Look", path, settings: OrtThread.lookSettings },
            "Seen",
            WorkerThread.refusal({ model, path })
          ))
      return { inputs: inputs.map(describe), outputs: outputs.map(describe) }
    }),
    open
  })
})

/** ONNX Runtime, with default options. @category layers */
export const layer: Layer.Layer<Executor, never, TensorMemory> = Layer.effect(Executor, make({}))

/** ONNX Runtime on the main thread, on worker threads of this process, or in processes of their own. @category layers */
export const layerWith = (options: Options): Layer.Layer<Executor, never, TensorMemory> =>
  Layer.effect(Executor, make(options))
