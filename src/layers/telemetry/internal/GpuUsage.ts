/** Use of the machine's GPUs, from `nvidia-smi` where the machine has it. */
import { Clock, type Duration, Effect, type Scope } from "effect"
import * as NvidiaSmi from "../../NvidiaSmi.ts"

/** @category models */
export interface GpuReading {
  readonly gpu: NvidiaSmi.NvidiaGpu
  /** Energy since the first reading, its power taken as what it was between two readings. `undefined`: its power is not told. */
  readonly joules: number | undefined
}

/** @category models */
export interface Options {
  readonly interval: Duration.Input
  /** Folders in which the program is looked for. Default: those of the environment. */
  readonly path?: string | undefined
}

/** The program is slow where the driver has to wake up first; one that takes longer hangs. */
const timeoutMillis = 10_000

/** Readings in a row that fail before no more are tried, as in Triton. */
const maxFailures = 3

/**
 * The latest readings, taken in the background at the interval, never two at a time. None where the program is not there.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(
  function*(options: Options): Effect.fn.Return<() => ReadonlyArray<GpuReading>, never, Scope.Scope> {
    const file = NvidiaSmi.find(options.path)
    if (file === undefined) return () => []
    const clock = yield* Clock.Clock
    let readings: ReadonlyArray<GpuReading> = []
    let readAt = clock.monotonicTimeNanosUnsafe()
    let failures = 0

    const take = (gpus: ReadonlyArray<NvidiaSmi.NvidiaGpu>): void => {
      const now = clock.monotonicTimeNanosUnsafe()
      const seconds = Number(now - readAt) / 1e9
      const before = new Map(readings.map((reading) => [reading.gpu.uuid, reading]))
      readAt = now
      failures = 0
      readings = gpus.map((gpu) => {
        const last = before.get(gpu.uuid)
        if (gpu.powerWatts === undefined) return { gpu, joules: last?.joules }
        const mean = (gpu.powerWatts + (last?.gpu.powerWatts ?? gpu.powerWatts)) / 2
        return { gpu, joules: last === undefined ? 0 : (last.joules ?? 0) + mean * seconds }
      })
    }

    const refresh = Effect.tryPromise({
      try: (signal) => NvidiaSmi.read(file, timeoutMillis, signal),
      catch: (error) => error instanceof Error ? error.message : String(error)
    }).pipe(
      Effect.map(take),
      Effect.catch((reason) => {
        failures++
        if (failures === maxFailures) readings = []
        return failures === 1 || failures === maxFailures
          ? Effect.logWarning(
            `GPUs cannot be looked at: ${file}: ${reason}` +
              (failures === maxFailures ? `; after ${maxFailures} failures there are no metrics of them any more` : "")
          )
          : Effect.void
      })
    )
    yield* Effect.forkScoped(
      Effect.repeat(Effect.andThen(refresh, Effect.sleep(options.interval)), { while: () => failures < maxFailures })
    )
    return () => readings
  }
)
