/** Rows of nobody, which fill a batch up to the slot of a sequence. Source: scheduling §4.4, null requests. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ModelSignature } from "../../../../schema/ModelSignature.ts"
import type { Job } from "../../../../services/Scheduler.ts"
import { elementCount } from "../TensorRole.ts"

const emptyString = 4

/** Bytes of zeros that are kept for rows to come; more are made when they are needed. */
const keptBytes = 65_536
const kept = new Uint8Array(keptBytes)

const zeros = (byteLength: number): Uint8Array =>
  byteLength <= keptBytes ? kept.subarray(0, byteLength) : new Uint8Array(byteLength)

/** A tensor of the same shape that holds zeros, or empty strings. It is read only. */
const blank = ({ datatype, name, shape }: Tensor): Tensor => {
  const size = datatype === "BYTES" ? emptyString : byteSize(datatype)
  return { name, datatype, shape, data: zeros(elementCount(shape) * size) }
}

const nothing: ReadonlyArray<string> = []

/**
 * A row of nobody, beside that of `job`: the same shapes, and nobody waits for its outputs. What all rows share it has as well.
 *
 * @category constructors
 */
export const beside = (job: Job, { inputByName }: ModelSignature): Job => ({
  inputs: job.inputs.map((tensor) =>
    inputByName.get(tensor.name)!.batchAxis === BatchAxis.none ? tensor : blank(tensor)
  ),
  outputs: nothing,
  batchSize: job.batchSize,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0
})
