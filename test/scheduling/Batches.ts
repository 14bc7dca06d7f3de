/** Jobs and results for tests of batches. */
import type { DataType } from "../../src/schema/DataType.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { ExecutionResult } from "../../src/services/Executor.ts"
import type { Job } from "../../src/services/Scheduler.ts"

export const tensor = (
  name: string,
  datatype: DataType,
  shape: ReadonlyArray<number>,
  data: ArrayBufferView
): Tensor => ({ name, datatype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) })

export const floats = (name: string, shape: ReadonlyArray<number>, values: ReadonlyArray<number>): Tensor =>
  tensor(name, "FP32", shape, Float32Array.from(values))

export const job = (
  batchSize: number,
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string> = []
): Job => ({ inputs, outputs, batchSize, priority: 0, timeoutMicros: 0, deadlineMicros: 0 })

/** A result that counts its releases. */
export const result = (
  outputs: ReadonlyArray<Tensor>
): { readonly value: ExecutionResult; readonly released: () => number } => {
  let released = 0
  return {
    value: {
      outputs,
      begunAtNanos: 0,
      computeInputNanos: 0,
      computeInferNanos: 0,
      computeOutputNanos: 0,
      release: () => {
        released++
      }
    },
    released: () => released
  }
}

/** The numbers of an FP32 or INT32 tensor. */
export const numbers = ({ data, datatype }: Tensor): ReadonlyArray<number> => {
  const { buffer } = new Uint8Array(data)
  return [...datatype === "FP32" ? new Float32Array(buffer) : new Int32Array(buffer)]
}
