/**
 * One native session, called without the package's promise around it. Loaded by the worker.
 *
 * The package's `InferenceSession` puts every run on `setImmediate`, and cannot open models that it cannot name the types of;
 * its own binding can.
 */
import * as ort from "onnxruntime-node"
import { type Binding, binding, initOrt } from "onnxruntime-node/dist/binding.js"
import type { OrtDataType } from "../../../schema/DataType.ts"
import type { Found, NativeSettings } from "./Mailbox.ts"

/** A tensor as the binding reads and gives it. */
export interface NativeTensor {
  readonly type: OrtDataType
  readonly data: ArrayBufferView | ReadonlyArray<string>
  readonly dims: ReadonlyArray<number>
  readonly location: "cpu"
}

/** @category models */
export interface OrtSession {
  readonly inputs: ReadonlyArray<Found>
  readonly outputs: ReadonlyArray<Found>
  /** Runs the model on this thread. An output that is `null` is allocated. */
  readonly run: (
    feeds: Readonly<Record<string, NativeTensor>>,
    fetches: Readonly<Record<string, NativeTensor | null>>
  ) => Readonly<Record<string, NativeTensor>>
  readonly close: () => void
}

/** Fatal errors only: what concerns one model reaches the caller as an exception. */
const logSeverityLevel = 4

const noOptions = {}

const found = (metadata: Binding.ValueMetadata): Found => ({
  name: metadata.name,
  isTensor: metadata.isTensor,
  elementType: metadata.isTensor ? metadata.type : 0,
  shape: metadata.isTensor ? Array.from(metadata.shape, (dim) => dim < 0 ? -1 : dim) : []
})

/** Opens a model file. Throws what the runtime says of it. @category constructors */
export const open = (path: string, settings: NativeSettings): OrtSession => {
  ort.env.logLevel = "fatal"
  initOrt()
  const session = new binding.InferenceSession()
  session.loadModel(path, { ...settings, logSeverityLevel } as never)
  return {
    inputs: session.inputMetadata.map(found),
    outputs: session.outputMetadata.map(found),
    run: (feeds, fetches) => session.run(feeds as never, fetches as never, noOptions) as never,
    close: () => session.dispose()
  }
}
