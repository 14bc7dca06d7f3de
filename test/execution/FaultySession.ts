/** Puts a session in the place of ONNX Runtime's, in this thread, that can be made to fail as only native code can. */
import { binding } from "onnxruntime-node/dist/binding.js"

type Feeds = Record<string, { readonly data: ArrayLike<number> }>

/** What happens before the real session does what it is asked for. */
export interface Faults {
  /** Gets the path of a model that is to be opened. */
  readonly opening?: (path: string) => void
  /** Gets the first element of INPUT0 of a run, and what its outputs are to be written into. */
  readonly running: (first: number | undefined, fetches: Record<string, unknown>) => void
}

/** Before the program that opens sessions is loaded. The native class is sealed, so it is replaced by one around it. */
export const install = ({ opening, running }: Faults): void => {
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
        opening?.(path)
        this.session.loadModel(path, options)
      }
      run(feeds: Feeds, fetches: Record<string, unknown>, options: object) {
        running(feeds["INPUT0"]?.data[0], fetches)
        return this.session.run(feeds as never, fetches as never, options)
      }
      dispose() {
        this.session.dispose()
      }
    }
  })
}
