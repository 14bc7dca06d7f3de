/** Gives memory back that starting up has used: loading modules and models leaves a heap of which most is garbage. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/**
 * Collects the garbage of the calling thread and returns the pages to the system. Takes some tens of milliseconds: for the first
 * idle second of a thread, never on the way of a request.
 *
 * Measured with six small models, twelve instances: 289 MB resident before, 227 MB after.
 *
 * @category resources
 */
export const trimHeap = (flavor: "regular" | "last-resort" = "last-resort"): void => {
  // The engine's collector can be called only where this flag was set before a context is made.
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  if (typeof collect === "function") collect({ type: "major", flavor })
}

/** So many loads leave some megabytes of garbage in old parts of the heap, which the engine lets grow for hundreds of them. */
const manyLoads = 32

/** Says when it is time to give back what loading models has used. @category resources */
export class TrimSchedule {
  private trimmed = 0

  /** `loads` so far. `"last-resort"` while nobody waits for an answer; `"regular"`, which takes less time, after many loads under traffic. */
  due(loads: number, idle: boolean): "regular" | "last-resort" | undefined {
    const since = loads - this.trimmed
    if (since <= 0 || (!idle && since < manyLoads)) return undefined
    this.trimmed = loads
    return idle ? "last-resort" : "regular"
  }
}
