/**
 * The worker of an instance, whose runs misbehave on demand: the first element of INPUT0 says how. Any other number runs as
 * usual.
 */
import { faults } from "./Faults.ts"
import * as FaultySession from "./FaultySession.ts"

const misbehave = (fault: number | undefined, fetches: Record<string, unknown>) => {
  switch (fault) {
    case faults.exit:
      // Ends the thread from inside the run, as an error in native code that Node turns into an exit would.
      process.exit(7)
      break
    case faults.uncaught:
      Atomics.store = () => {
        throw new Error("a bug in the worker")
      }
      break
    case faults.outOfMemory: {
      const hoard: Array<unknown> = []
      while (hoard.length >= 0) hoard.push(Array.from({ length: 10_000 }, (_, i) => ({ i })))
      break
    }
    case faults.stall:
      // As a call of the native runtime that takes far too long: nothing can stop it, and it returns in the end.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
      break
    case faults.throw:
      throw new Error("the runtime says no")
    case faults.refuseOutputs:
      if (Object.values(fetches).some((fetch) => fetch !== null)) {
        throw new Error("Unexpected output data type. Actual: (tensor(float)), expected: (tensor(float))")
      }
  }
}

FaultySession.install({ running: misbehave })

await import("../../src/layers/execution/internal/OrtWorker.ts")
