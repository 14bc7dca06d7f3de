/** How instances on GPUs are opened: with which providers, and in which process. */
import { Effect, RcRef, type Scope, Semaphore } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { FoundDevice, Isolation, ModelPlan, PlannedInstance } from "../../../../services/Executor.ts"
import * as NvidiaSmi from "../../../NvidiaSmi.ts"
import type { MemoryLimit } from "../../GpuDiscovery.ts"
import type { NativeSettings } from "../Mailbox.ts"
import type { HostProcess, Options as HostOptions } from "../process/HostProcess.ts"
import * as ProcessSpawn from "../process/ProcessSpawn.ts"
import * as Provider from "./Provider.ts"

/** @category models */
export interface Options {
  readonly devices: ReadonlyArray<FoundDevice>
  readonly memoryLimits: ReadonlyArray<MemoryLimit>
  readonly host: HostOptions
  /** Folders in which `nvidia-smi` is looked for. Default: those of this process. */
  readonly path: string | undefined
}

/** @category models */
export interface GpuSessions {
  /** Fails where a plan has an instance on a GPU that is not there, or whose memory is in use beyond its limit. */
  readonly admit: (plan: ModelPlan) => Effect.Effect<void, LoadFailed>
  /** The settings of an instance's session. */
  readonly settings: (instance: PlannedInstance, settings: NativeSettings) => NativeSettings
  /** Where an instance runs, the plan's wish and the executor's default given. `shared`: with all others of its GPU. */
  readonly place: (instance: PlannedInstance, wish: Isolation | undefined, other: Isolation) => Isolation | "shared"
  /** The process that instances share, for as long as the scope is open. */
  readonly shared: Effect.Effect<HostProcess, never, Scope.Scope>
}

const nvidiaTimeoutMillis = 10_000

/** Two threads with sessions of WebGPU end their process, so all of them run in one thread of one process. */
const together = "webgpu"

const isOn = (id: number) => ({ device }: PlannedInstance): boolean => device.kind === "GPU" && device.id === id

const withoutFallback = ({ extra, ...settings }: NativeSettings): NativeSettings => {
  const { session, ...rest } = { ...extra } as { session?: Record<string, unknown> }
  if (session === undefined) return extra === undefined ? settings : { ...settings, extra }
  // On the CPU this would refuse every operator.
  const { disable_cpu_ep_fallback: _, ...kept } = session
  return { ...settings, extra: { ...rest, session: kept } }
}

/** @category constructors */
export const make = Effect.fnUntraced(
  function*(options: Options): Effect.fn.Return<GpuSessions, never, Scope.Scope> {
    const { devices } = options
    const process = yield* RcRef.make({ acquire: ProcessSpawn.host(options.host) })
    const one = yield* Semaphore.make(1)
    const gpu = (id: number) => devices.find((device) => device.kind === "GPU" && device.id === id)

    const providersOf = ({ device, providers }: PlannedInstance) => {
      if (providers !== undefined) return providers
      const best = gpu(device.id)?.providers?.find((name) => name !== "tensorrt")
      return best === undefined ? [] : [{ name: best, options: {} }]
    }

    const refuse = (plan: ModelPlan, code: "INVALID_ARG" | "UNAVAILABLE", message: string) =>
      Effect.fail(new LoadFailed({ model: plan.model, code, message }))

    const checkMemory = Effect.fnUntraced(function*(plan: ModelPlan, { amount, device }: MemoryLimit) {
      const file = NvidiaSmi.find(options.path)
      const gpus = file === undefined
        ? []
        : yield* Effect.promise((signal) => NvidiaSmi.read(file, nvidiaTimeoutMillis, signal).catch(() => []))
      const { uuid } = { ...gpu(device) }
      const found = gpus.find((one) => uuid === undefined ? one.index === device : one.uuid === uuid)
      const { memoryTotalBytes, memoryUsedBytes } = { ...found }
      if (memoryTotalBytes === undefined || memoryUsedBytes === undefined) {
        yield* Effect.logWarning(
          `--model-load-gpu-limit has no effect on model '${plan.model}': nvidia-smi does not tell the memory of GPU ${device}`
        )
      } else if (memoryUsedBytes / memoryTotalBytes > amount) {
        return yield* refuse(
          plan,
          "UNAVAILABLE",
          `can not create model '${plan.instances.find(isOn(device))!.name}': memory limit set for GPU ${device} has ` +
            "exceeded, model loading is rejected."
        )
      }
    })

    return {
      admit: Effect.fnUntraced(function*(plan) {
        for (const { device, name } of plan.instances) {
          if (device.kind === "CPU" || gpu(device.id) !== undefined) continue
          const ids = devices.flatMap(({ id, kind }) => kind === "GPU" ? [id] : [])
          return yield* refuse(
            plan,
            "INVALID_ARG",
            `instance '${name}' of model '${plan.model}' asks for device GPU ${device.id}; this server has ` +
              (ids.length === 0 ? "CPU instances only" : `GPU ${ids.join(", ")}`)
          )
        }
        for (const limit of options.memoryLimits) {
          if (plan.instances.some(isOn(limit.device))) yield* checkMemory(plan, limit)
        }
      }),
      settings: (instance, settings) =>
        instance.device.kind === "CPU" ? withoutFallback(settings) : {
          ...settings,
          executionProviders: providersOf(instance).map((provider) => Provider.native(provider, instance.device.id))
        },
      place: (instance, wish, other) => {
        if (instance.device.kind === "CPU") return wish ?? other
        // A driver that crashes takes its process along.
        return providersOf(instance).some(({ name }) => name === together) ? "shared" : wish ?? "process"
      },
      // One at a time: otherwise two that find it dead would each start another.
      shared: one.withPermits(1)(Effect.gen(function*() {
        while (true) {
          const host = yield* RcRef.get(process)
          if (!host.isEnded) return host
          // Its instances are lost and go one by one; whoever comes first starts another.
          yield* RcRef.invalidate(process)
        }
      }))
    }
  }
)
