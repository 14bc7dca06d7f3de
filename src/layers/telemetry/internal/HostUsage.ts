/** Use of the machine's processors and memory, from Linux' /proc. Source: scheduling §9.3. */
import { Result } from "effect"
import { readFileSync } from "node:fs"

/** @category models */
export interface HostReading {
  /** Share of the processors' time since the reading before, between 0 and 1; the first counts from the start of the machine. */
  readonly utilization: number
  readonly memoryTotalBytes: number
  readonly memoryUsedBytes: number
}

interface Ticks {
  readonly busy: number
  readonly all: number
}

/** user, nice, system, idle, iowait, irq, softirq and steal of the first line of /proc/stat. @category parsing */
export const parseStat = (text: string): Ticks => {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
    (/^cpu +([\d ]+)/.exec(text)?.[1] ?? "").split(" ").map(Number)
  const busy = user + nice + system + irq + softirq + steal
  return { busy, all: busy + idle + iowait }
}

/** Bytes of a line of /proc/meminfo; 0 where there is none. @category parsing */
export const parseMemory = (text: string, name: string): number =>
  Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024

/** @category models */
export class HostUsage {
  private readonly folder: string
  private before: Ticks = { busy: 0, all: 0 }
  private utilization = 0

  constructor(folder = "/proc") {
    this.folder = folder
  }

  /** Reads both files now, in well under a millisecond; fails where the system has none. */
  read(): Result.Result<HostReading, unknown> {
    return Result.try(() => {
      const now = parseStat(readFileSync(`${this.folder}/stat`, "latin1"))
      const all = now.all - this.before.all
      // Between two ticks of the kernel nothing is known that was not known before.
      if (all > 0) this.utilization = Math.min(1, Math.max(0, (now.busy - this.before.busy) / all))
      this.before = now
      const memory = readFileSync(`${this.folder}/meminfo`, "latin1")
      const total = parseMemory(memory, "MemTotal")
      return {
        utilization: this.utilization,
        memoryTotalBytes: total,
        memoryUsedBytes: total - parseMemory(memory, "MemAvailable")
      }
    })
  }
}
