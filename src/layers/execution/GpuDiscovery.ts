/** Finds the GPUs that models may use, by trying them in a process of its own. */
import { Duration, Effect } from "effect"
import type { FoundDevice, GpuSupport } from "../../services/Executor.ts"
import * as NvidiaSmi from "../NvidiaSmi.ts"
import * as GpuProbe from "./internal/gpu/GpuProbe.ts"
import * as GpuTraces from "./internal/gpu/GpuTraces.ts"
import * as Provider from "./internal/gpu/Provider.ts"

/** Share of a GPU's memory in use, between 0 and 1, beyond which nothing more is loaded on it. @category models */
export interface MemoryLimit {
  readonly device: number
  readonly amount: number
}

/** @category models */
export interface Options {
  /** How long the tries may take, each process of them by itself. Default: 30 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** GPUs of a lower CUDA compute capability are not used. Default: 0. */
  readonly minimumComputeCapability?: number | undefined
  /** The environment of the tries, and what is looked at for traces of GPUs. Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** What is there beside the environment. @internal */
  readonly machine?: GpuTraces.Machine
  /** What tries the GPUs. @internal */
  readonly program?: URL
}

/** @category models */
export interface Discovery {
  readonly devices: ReadonlyArray<FoundDevice>
  readonly support: GpuSupport
}

const gibibytes = (bytes: number) => `${Math.round(bytes / 1024 ** 3)} GiB`

/** A GPU in a few words. */
const describe = ({ computeCapability, id, memoryBytes, name, providers, unusable }: FoundDevice): string => {
  const facts = [
    ...(name === undefined ? [] : [name]),
    ...(memoryBytes === undefined ? [] : [gibibytes(memoryBytes)]),
    ...(computeCapability === undefined ? [] : [`compute capability ${computeCapability}`])
  ]
  return `GPU ${id}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}: ` +
    (unusable === undefined ? `runs models by ${providers?.join(", ")}` : `not used, ${unusable}`)
}

const nvidiaTimeoutMillis = 10_000

const nvidia = (environment: Options["environment"]) =>
  Effect.suspend(() => {
    const file = NvidiaSmi.find(environment?.["PATH"])
    return file === undefined
      ? Effect.succeed([])
      : Effect.promise((signal) => NvidiaSmi.read(file, nvidiaTimeoutMillis, signal).catch(() => []))
  })

/** What the driver says of a GPU by its number. Variables that hide GPUs from CUDA change numbers: then nothing is known. */
const factsOf = (
  id: number,
  gpus: ReadonlyArray<NvidiaSmi.NvidiaGpu>,
  providers: ReadonlyArray<string>,
  hidden: boolean
): Partial<FoundDevice> => {
  const gpu = gpus.find(({ index }) => index === id)
  // Vulkan's first GPU need not be CUDA's, unless there is one only.
  if (gpu === undefined || (gpus.length > 1 && (hidden || !providers.includes("cuda")))) return {}
  return {
    name: gpu.name,
    uuid: gpu.uuid,
    ...(gpu.memoryTotalBytes === undefined ? {} : { memoryBytes: gpu.memoryTotalBytes }),
    ...(gpu.computeCapability === undefined ? {} : { computeCapability: gpu.computeCapability })
  }
}

/**
 * The usable GPUs of this machine, with what is missing for the others. Costs nothing where there is no trace of any. Never fails:
 * a driver that crashes or hangs is a GPU that is not used, and a warning.
 *
 * @category constructors
 */
export const discover = Effect.fn("GpuDiscovery.discover")(function*(options: Options = {}) {
  const environment = options.environment ?? process.env
  const minimumComputeCapability = options.minimumComputeCapability ?? 0
  const traces = GpuTraces.find(options.machine ?? { ...GpuTraces.thisMachine(), environment })
  if (traces.length === 0) {
    const remark = `no trace of a GPU's driver is there (${GpuTraces.wanted})`
    const missing = Object.fromEntries(Provider.onGpus.map((name) => [name, remark]))
    return { devices: [], support: { minimumComputeCapability, remark, missing } } satisfies Discovery
  }
  const [found, gpus] = yield* Effect.all([
    GpuProbe.run({
      timeout: Duration.fromInputUnsafe(options.timeout ?? "30 seconds"),
      environment,
      program: options.program
    }),
    nvidia(environment)
  ], { concurrency: 2 })
  for (const crash of found.crashes) yield* Effect.logWarning(`looking for GPUs, ${crash}: it is not used`)

  const hidden = (environment["CUDA_VISIBLE_DEVICES"] ?? "") !== ""
  const ids = [...new Set([...found.works.values()].flat())].toSorted((a, b) => a - b)
  const devices = ids.map((id): FoundDevice => {
    const providers = Provider.onGpus.filter((name) => found.works.get(name)?.includes(id) === true)
    const facts = factsOf(id, gpus, providers, hidden)
    const { computeCapability } = facts
    return {
      kind: "GPU",
      id,
      providers,
      ...facts,
      ...(computeCapability !== undefined && Number(computeCapability) < minimumComputeCapability
        ? { unusable: `its compute capability ${computeCapability} is less than ${minimumComputeCapability}` }
        : {})
    }
  })
  const missing = Object.fromEntries(
    [...found.fails].map(([name, why]) => [name, `${why}; ${Provider.remedy(name)}`])
  )
  for (const device of devices) yield* Effect.logInfo(describe(device))
  const remark = devices.length > 0 ? undefined : remarkOf(found, traces)
  if (remark !== undefined) {
    yield* Effect.logInfo(`no GPU is used, though there is ${traces.join(", ")}. ${remark}`)
  }
  return {
    devices,
    support: { minimumComputeCapability, missing, ...(remark === undefined ? {} : { remark }) }
  } satisfies Discovery
})

/** Why there is no GPU: of the providers that could have one, what each lacks. TensorRT goes without saying, CUDA where no GPU is NVIDIA's. */
const remarkOf = ({ crashes, fails }: GpuProbe.Found, traces: ReadonlyArray<string>): string => {
  const nvidia = traces.some((trace) => /nvidia|dxg|win32/.test(trace))
  const reasons = [...fails].flatMap(([name, why]) =>
    name === "tensorrt" || (name === "cuda" && !nvidia) || why === Provider.absent(name)
      ? []
      : [`${name}: ${why}; ${Provider.remedy(name)}`]
  )
  return (reasons.length === 0 ? crashes : reasons).join(". ")
}
