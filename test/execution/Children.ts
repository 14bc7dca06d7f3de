/** Processes that a process has started, from what Linux says of them. */
import { readdirSync, readFileSync } from "node:fs"

/** Their ids, those of ended ones that nobody has waited for included. */
export const childrenOf = (owner: number): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return Number(parent) === owner ? [Number(name)] : []
    } catch {
      return []
    }
  })

/** Those of this process. */
export const pids = (): ReadonlyArray<number> => childrenOf(process.pid)
