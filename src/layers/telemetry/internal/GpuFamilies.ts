/** Triton's metrics of GPUs, one series for each. Source: scheduling §9.3. */
import type { Family, Reporter } from "./Families.ts"
import type { GpuReading } from "./GpuUsage.ts"
import { SeriesLabels } from "./SeriesLabels.ts"

const family = (
  name: string,
  help: string,
  value: (reading: GpuReading) => number | undefined,
  type: "gauge" | "counter" = "gauge"
): Family<GpuReading> => ({
  name,
  type,
  help,
  write: (series, reading) => {
    const now = value(reading)
    if (now !== undefined) series.value(now)
  }
})

/** What a GPU does not tell has no series. @category constructors */
export const families: ReadonlyArray<Family<GpuReading>> = [
  family("nv_gpu_utilization", "GPU utilization rate [0.0 - 1.0)", ({ gpu }) => gpu.utilization),
  family("nv_gpu_memory_total_bytes", "GPU total memory, in bytes", ({ gpu }) => gpu.memoryTotalBytes),
  family("nv_gpu_memory_used_bytes", "GPU used memory, in bytes", ({ gpu }) => gpu.memoryUsedBytes),
  family("nv_gpu_power_usage", "GPU power usage in watts", ({ gpu }) => gpu.powerWatts),
  family("nv_gpu_power_limit", "GPU power management limit in watts", ({ gpu }) => gpu.powerLimitWatts),
  family(
    "nv_energy_consumption",
    "GPU energy consumption in joules since the Triton Server started",
    ({ joules }) => joules,
    "counter"
  )
]

/** @category constructors */
export const reporters = (
  readings: ReadonlyArray<GpuReading>,
  sinceMillis: number
): ReadonlyArray<Reporter<GpuReading>> =>
  readings.map((source) => ({ labels: new SeriesLabels({ gpu_uuid: source.gpu.uuid }), sinceMillis, source }))
