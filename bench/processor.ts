/** What a process has cost the processors, to the microsecond: loads of a second need more than the ticks of `/proc/PID/stat`. */
import { readdirSync, readFileSync } from "node:fs"

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // A thread that has ended since the folder was listed.
    return ""
  }
}

/** Microseconds that the living threads of a process, and of the processes it has started, have run. */
export const processorMicros = (pid: number): number => {
  let nanos = 0
  const pids = [pid]
  for (let at = 0; at < pids.length; at++) {
    const folder = `/proc/${pids[at]}/task`
    for (const thread of readdirSync(folder)) {
      nanos += Number(read(`${folder}/${thread}/schedstat`).split(" ")[0])
      pids.push(...read(`${folder}/${thread}/children`).split(" ").filter((child) => child.trim() !== "").map(Number))
    }
  }
  return nanos / 1000
}

/** What a load says, with what it has cost a process for each request. */
export const metered = async <A extends { readonly requests: number }>(
  pid: number,
  load: () => Promise<A>
): Promise<A & { readonly micros: number }> => {
  const before = processorMicros(pid)
  const outcome = await load()
  return { ...outcome, micros: (processorMicros(pid) - before) / outcome.requests }
}
