/** Metrics of the server as a whole: Triton's of memory pools and the machine, and those of the process. */
import type { Family } from "./Families.ts"
import type { HostReading } from "./HostUsage.ts"
import type { LoopReading } from "./LoopDelay.ts"

/** @category models */
export interface ServerReading {
  readonly pinnedMemoryPoolBytes: number
  /** `undefined`: not wanted, or not to be had. */
  readonly host: HostReading | undefined
  readonly loop: LoopReading
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly startSeconds: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  readonly externalBytes: number
}

const gauge = (
  name: string,
  help: string,
  value: (reading: ServerReading) => number | undefined
): Family<ServerReading> => ({
  name,
  type: "gauge",
  help,
  write: (series, reading) => {
    const now = value(reading)
    if (now !== undefined) series.value(now)
  }
})

/** @category constructors */
export const families: ReadonlyArray<Family<ServerReading>> = [
  gauge(
    "nv_pinned_memory_pool_total_bytes",
    "Pinned memory pool total memory size, in bytes",
    ({ pinnedMemoryPoolBytes }) => pinnedMemoryPoolBytes
  ),
  gauge("nv_pinned_memory_pool_used_bytes", "Pinned memory pool used memory size, in bytes", () => 0),
  gauge("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", ({ host }) => host?.utilization),
  gauge("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", ({ host }) => host?.memoryTotalBytes),
  gauge("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", ({ host }) => host?.memoryUsedBytes),
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "Time that processors spent on this process, in seconds.",
    write: (series, { cpuSeconds, startSeconds }) => series.value(cpuSeconds, startSeconds * 1e3)
  },
  gauge(
    "process_resident_memory_bytes",
    "Memory of this process that lies in RAM, in bytes.",
    ({ residentBytes }) => residentBytes
  ),
  gauge(
    "process_start_time_seconds",
    "When this process started, in seconds since 1970.",
    ({ startSeconds }) => startSeconds
  ),
  {
    name: "galatea_event_loop_delay_seconds",
    type: "summary",
    help: "By how much the main thread's event loop came late; the quantiles are those of the last interval.",
    write: (series, { loop }) => series.summary(loop.count, loop.sum, loop.quantiles)
  },
  gauge(
    "galatea_heap_used_bytes",
    "JavaScript heap of the main thread in use, in bytes.",
    ({ heapUsedBytes }) => heapUsedBytes
  ),
  gauge(
    "galatea_heap_total_bytes",
    "JavaScript heap of the main thread, in bytes.",
    ({ heapTotalBytes }) => heapTotalBytes
  ),
  gauge(
    "galatea_external_memory_bytes",
    "Memory outside the heap that JavaScript of the main thread holds, in bytes.",
    ({ externalBytes }) => externalBytes
  )
]
