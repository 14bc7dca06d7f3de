/** Processes that this one has started, from what Linux says of them. */
import { readdirSync, readFileSync } from "node:fs"

/** Their ids, those of ended ones that nobody has waited for included. */
export const pids = (): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return Number(parent) === process.pid ? [Number(name)] : []
    } catch {
      return []
    }
  })
