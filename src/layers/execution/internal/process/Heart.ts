/**
 * The heart of a process of instances: a thread that goes on beating while the native runtime has the main thread. Each beat is the
 * number of resident bytes. Where nobody reads them any more the server is gone, and the process with it.
 */
import { writeSync } from "node:fs"
import { workerData } from "node:worker_threads"
import { Descriptor } from "./Descriptors.ts"

const everyMillis = workerData as number
const never = new Int32Array(new SharedArrayBuffer(4))
const beat = new Float64Array(1)

while (true) {
  beat[0] = process.memoryUsage.rss()
  try {
    writeSync(Descriptor.heart, beat)
  } catch {
    process.kill(process.pid, "SIGKILL")
  }
  Atomics.wait(never, 0, 0, everyMillis)
}
