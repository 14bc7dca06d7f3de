/**
 * Triton's `nv_*` families of metrics, and this server's own.
 *
 * Upstream: `MetricsFrontend`, `MetricsExport`. Downstream: `Statistics`, `ResponseCache`, `RateLimiter`, `Access`, the process, /proc and
 * nvidia-smi.
 *
 * Source: scheduling §9.
 */
import { Clock, type Duration, Effect, Layer, Option, Result, type Scope } from "effect"
import type { MetricFamily } from "../../schema/MetricFamily.ts"
import { Access } from "../../services/Access.ts"
import { Certificates } from "../../services/Certificates.ts"
import { ExportCounts } from "../../services/ExportCounts.ts"
import { Metrics } from "../../services/Metrics.ts"
import { ModelRepository } from "../../services/ModelRepository.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import { ResponseCache } from "../../services/ResponseCache.ts"
import { Statistics, type VersionBooks } from "../../services/Statistics.ts"
import { processStartSeconds } from "../ProcessStart.ts"
import * as AccessFamilies from "./internal/AccessFamilies.ts"
import * as CacheFamilies from "./internal/CacheFamilies.ts"
import * as ExportFamilies from "./internal/ExportFamilies.ts"
import * as Exposition from "./internal/Exposition.ts"
import { collect, type Reporter } from "./internal/Families.ts"
import * as GpuFamilies from "./internal/GpuFamilies.ts"
import * as GpuUsage from "./internal/GpuUsage.ts"
import { type HostReading, HostUsage } from "./internal/HostUsage.ts"
import * as InferenceFamilies from "./internal/InferenceFamilies.ts"
import * as InstanceFamilies from "./internal/InstanceFamilies.ts"
import * as LoopDelay from "./internal/LoopDelay.ts"
import * as OpenMetrics from "./internal/OpenMetrics.ts"
import * as RateLimiterFamilies from "./internal/RateLimiterFamilies.ts"
import * as ResidencyFamilies from "./internal/ResidencyFamilies.ts"
import { ofVersion, SeriesLabels } from "./internal/SeriesLabels.ts"
import * as ServerFamilies from "./internal/ServerFamilies.ts"
import * as TlsFamilies from "./internal/TlsFamilies.ts"
import * as VersionFamilies from "./internal/VersionFamilies.ts"

/** @category models */
export interface Options {
  /** Triton's counters of microseconds exist. Default `true`. */
  readonly counterLatencies?: boolean
  /** Triton's histogram of first responses exists. Default `false`. */
  readonly histogramLatencies?: boolean
  /** Shares between 0 and 1 that Triton's summaries show, of books that keep quantiles; `undefined`: no summaries. */
  readonly quantiles?: ReadonlyArray<number> | undefined
  /** Use of the machine's processors and memory is shown. Default `true`. */
  readonly cpu?: boolean
  /** Use of NVIDIA's GPUs is shown, where the machine has the program `nvidia-smi`. Default `true`. */
  readonly gpu?: boolean
  /** Folders in which `nvidia-smi` is looked for, as in the variable PATH. Default: those of this process. */
  readonly programPath?: string
  /** How often the machine and the event loop are looked at. Default 2 seconds. */
  readonly interval?: Duration.Input
  /** Size of the pool of pinned memory that was configured. Default 256 MiB. */
  readonly pinnedMemoryPoolBytes?: number
}

const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  Metrics["Service"],
  never,
  Statistics | Scope.Scope
> {
  const statistics = yield* Statistics
  const limiter = yield* RateLimiter
  const repository = Option.getOrUndefined(yield* Effect.serviceOption(ModelRepository))
  const cache = yield* ResponseCache
  const access = yield* Access
  const exports = yield* ExportCounts
  const certificates = yield* Certificates
  const families = [
    ...InferenceFamilies.families({
      counterLatencies: options.counterLatencies ?? true,
      histogramLatencies: options.histogramLatencies ?? false,
      quantiles: options.quantiles
    }),
    ...VersionFamilies.families,
    ...InstanceFamilies.families
  ]
  const labels = new WeakMap<VersionBooks, SeriesLabels>()
  const labelsOf = (books: VersionBooks): SeriesLabels => {
    const known = labels.get(books)
    if (known !== undefined) return known
    const made = ofVersion(books)
    labels.set(books, made)
    return made
  }

  const usage = options.cpu === false ? undefined : new HostUsage()
  const loop = yield* LoopDelay.make
  let host: HostReading | undefined = undefined
  let told = false
  const refresh = Effect.suspend(() => {
    loop.refresh()
    if (usage === undefined) return Effect.void
    const reading = usage.read()
    host = Result.isSuccess(reading) ? reading.success : undefined
    if (Result.isSuccess(reading) || told) return Effect.void
    told = true
    return Effect.logWarning("There are no metrics of the CPU and memory: /proc cannot be read", reading.failure)
  })
  yield* refresh
  yield* Effect.forkScoped(Effect.forever(Effect.delay(refresh, options.interval ?? "2 seconds")))

  const gpus = options.gpu === false
    ? () => []
    : yield* GpuUsage.make({ interval: options.interval ?? "2 seconds", path: options.programPath })

  const none = new SeriesLabels({})
  const server = (): ServerFamilies.ServerReading => {
    const cpu = process.cpuUsage()
    const memory = process.memoryUsage()
    return {
      pinnedMemoryPoolBytes: options.pinnedMemoryPoolBytes ?? 256 * 1024 ** 2,
      host,
      loop: loop.read(),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      residentBytes: memory.rss,
      startSeconds: processStartSeconds,
      heapUsedBytes: memory.heapUsed,
      heapTotalBytes: memory.heapTotal,
      externalBytes: memory.external
    }
  }

  const clock = yield* Clock.Clock
  const sinceMillis = clock.currentTimeMillisUnsafe()
  const of = <Source>(source: Source | undefined): ReadonlyArray<Reporter<Source>> =>
    source === undefined ? [] : [{ labels: none, sinceMillis, source }]

  const read = (): ReadonlyArray<MetricFamily> => {
    const itself = server()
    return [
      ...collect(families, reporters(statistics.all(), labelsOf)),
      ...collect(RateLimiterFamilies.families, RateLimiterFamilies.reporters(limiter.levels(), sinceMillis)),
      ...collect(ServerFamilies.families, of(itself)),
      ...collect(GpuFamilies.families, GpuFamilies.reporters(gpus(), sinceMillis)),
      ...collect(ResidencyFamilies.families, of(repository?.residency?.())),
      ...collect(CacheFamilies.families, of(cache?.usage())),
      ...collect(TlsFamilies.families, TlsFamilies.reporters(certificates, sinceMillis)),
      ...collect(AccessFamilies.families, of(access?.usage())),
      ...collect(ExportFamilies.families, ExportFamilies.reporters(exports.read(), sinceMillis))
    ]
  }

  return Metrics.of({
    families: read,
    exposition: Effect.sync(() => Exposition.render(read())),
    openMetrics: Effect.sync(() => OpenMetrics.render(read()))
  })
})

/** Versions that are open. While one is replaced by itself, the newer counts: labels must not occur twice. */
const reporters = (
  all: ReadonlyArray<VersionBooks>,
  labelsOf: (books: VersionBooks) => SeriesLabels
): ReadonlyArray<Reporter<InferenceFamilies.Reading>> => {
  const found = new Map<string, Reporter<InferenceFamilies.Reading>>()
  for (const books of all) {
    const measures = books.measures()
    if (measures.loadNanos === undefined) continue
    const labels = labelsOf(books)
    const { cached, instances, maxBatchSize, sinceMillis } = books
    found.set(labels.text, {
      labels,
      sinceMillis,
      source: {
        cached,
        instances,
        maxBatchSize,
        condition: books.instancesCondition(),
        counts: books.counts(),
        measures
      }
    })
  }
  return [...found.values()]
}

/** @category layers */
export const layerWith = (options: Options): Layer.Layer<Metrics, never, Statistics> =>
  Layer.effect(Metrics, make(options))

/** With default options. @category layers */
export const layer: Layer.Layer<Metrics, never, Statistics> = layerWith({})
