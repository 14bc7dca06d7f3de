/** The program of a process of instances, with a native runtime that fails as only native code can: the file's name, or the first element of INPUT0, says how. */
import { writeSync } from "node:fs"
import { hostFaults } from "./Faults.ts"
import * as FaultySession from "./FaultySession.ts"

const abort = (): never => {
  writeSync(2, `${"x".repeat(10_000)} free(): invalid pointer\n`)
  return process.abort()
}

FaultySession.install({
  opening: (path) => {
    if (path.includes("hostile")) abort()
  },
  running: (fault) => {
    if (fault === hostFaults.abort) abort()
    if (fault === hostFaults.never) { while (true); }
  }
})

await import("../../src/layers/execution/internal/process/Host.ts")
