/** How much memory this process has for itself. */
import { readFileSync } from "node:fs"

/**
 * Bytes that are resident and not shared with files or other processes: what goes when they are freed. Code that the first model
 * brings into memory does not count. Where the system does not tell them apart, all that is resident. Takes some microseconds.
 *
 * @category getters
 */
export const privateBytes = (): number => {
  const resident = process.memoryUsage.rss()
  if (process.platform !== "linux") return resident
  // In pages: their size is not told, but how many of them are resident is.
  const [, all, shared] = readFileSync("/proc/self/statm", "latin1").split(" ").map(Number) as [number, number, number]
  return Math.round(resident * (1 - shared / all))
}
