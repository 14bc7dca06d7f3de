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
export const trimHeap = (): void => {
  // The engine's collector can be called only where this flag was set before a context is made.
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  if (typeof collect === "function") collect({ type: "major", flavor: "last-resort" })
}
