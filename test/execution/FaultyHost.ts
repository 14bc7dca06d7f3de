/** The program of a process of instances, with a native runtime that fails as only native code can: the file's name, or the first element of INPUT0, says how. */
import { writeSync } from "node:fs"
import { binding } from "onnxruntime-node/dist/binding.js"
import { hostFaults } from "./Faults.ts"

type Feeds = Record<string, { readonly data: ArrayLike<number> }>

const abort = (): never => {
  writeSync(2, `${"x".repeat(10_000)} free(): invalid pointer\n`)
  return process.abort()
}

// The native class is sealed, so it is replaced by one around it.
const { InferenceSession } = binding
Object.defineProperty(binding, "InferenceSession", {
  value: class {
    private readonly session = new InferenceSession()
    get inputMetadata() {
      return this.session.inputMetadata
    }
    get outputMetadata() {
      return this.session.outputMetadata
    }
    loadModel(path: string, options: object) {
      if (path.includes("hostile")) abort()
      this.session.loadModel(path, options)
    }
    run(feeds: Feeds, fetches: Record<string, unknown>, options: object) {
      const fault = feeds["INPUT0"]?.data[0]
      if (fault === hostFaults.abort) abort()
      if (fault === hostFaults.never) { while (true); }
      return this.session.run(feeds as never, fetches as never, options)
    }
    dispose() {
      this.session.dispose()
    }
  }
})

await import("../../src/layers/execution/internal/process/Host.ts")
