/**
 * The tensors that `batch_input` asks for: how large the requests of a batch are, told to the model.
 *
 * Source: model-config §6.3.
 */
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import type { Job } from "../../../services/Scheduler.ts"
import { elementCount, type InputRole, tensorOf } from "./TensorRole.ts"

type Kind = ModelConfig["batch_input"][number]["kind"]

/** One `batch_input` of a config. @category models */
export interface BatchTensor {
  readonly kind: Kind
  readonly targets: ReadonlyArray<string>
  readonly datatype: "INT32" | "FP32"
  readonly source: InputRole
  /** Dimension of the batch in the shape of the source. */
  readonly axis: number
}

/** What a batch needs of one: a shape, and values of 4 bytes. @category models */
export interface Values {
  readonly tensor: BatchTensor
  readonly shape: ReadonlyArray<number>
  /** `undefined`: zeros, only the shape matters. */
  readonly values: ReadonlyArray<number> | undefined
}

/** Bytes of one value. @category constants */
export const valueSize = 4

/** @category constructors */
export const make = (config: ModelConfig, roles: ReadonlyArray<InputRole>): ReadonlyArray<BatchTensor> =>
  config.batch_input.map(({ data_type, kind, source_input, target_name }) => {
    const source = roles.find(({ name }) => name === source_input[0])!
    return {
      kind,
      targets: target_name,
      datatype: data_type === "TYPE_FP32" ? "FP32" : "INT32",
      source,
      axis: source.axis
    }
  })

const none: ReadonlyArray<number> = []

const counts = (tensor: BatchTensor, jobs: ReadonlyArray<Job>): Array<number> => {
  const found = new Array<number>(jobs.length)
  for (let i = 0; i < jobs.length; i++) {
    const source = tensorOf(jobs[i]!, tensor.source)
    found[i] = source === undefined ? 0 : elementCount(source.shape)
  }
  return found
}

const sums = (values: ReadonlyArray<number>, first: ReadonlyArray<number>): Array<number> => {
  const found = first.slice()
  let sum = 0
  for (let i = 0; i < values.length; i++) found.push(sum += values[i]!)
  return found
}

/** The shape of every row, one after the other, and how many rows there are. */
const itemShapes = (tensor: BatchTensor, jobs: ReadonlyArray<Job>) => {
  const values: Array<number> = []
  let rank = 0
  let rows = 0
  for (let i = 0; i < jobs.length; i++) {
    const job = jobs[i]!
    const shape = BatchAxis.remove(tensorOf(job, tensor.source)?.shape ?? none, tensor.axis)
    rank = shape.length
    rows += job.batchSize
    for (let row = 0; row < job.batchSize; row++) {
      for (let d = 0; d < shape.length; d++) values.push(shape[d]!)
    }
  }
  return { values, rank, rows }
}

/** The values for a batch. @category getters */
export const valuesOf = (tensor: BatchTensor, jobs: ReadonlyArray<Job>): Values => {
  switch (tensor.kind) {
    case "BATCH_ELEMENT_COUNT":
      return { tensor, shape: [jobs.length], values: counts(tensor, jobs) }
    case "BATCH_ACCUMULATED_ELEMENT_COUNT":
      return { tensor, shape: [jobs.length], values: sums(counts(tensor, jobs), none) }
    case "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO":
      return { tensor, shape: [jobs.length + 1], values: sums(counts(tensor, jobs), [0]) }
    case "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE":
      return { tensor, shape: [Math.max(...counts(tensor, jobs))], values: undefined }
    case "BATCH_ITEM_SHAPE": {
      const { rank, rows, values } = itemShapes(tensor, jobs)
      return { tensor, shape: [rows, rank], values }
    }
    default: {
      const { values } = itemShapes(tensor, jobs)
      return { tensor, shape: [values.length], values }
    }
  }
}

/** The tensors of these values, one for each target, written into `data`. @category constructors */
export const write = ({ shape, tensor, values }: Values, data: Uint8Array): ReadonlyArray<Tensor> => {
  if (values === undefined) {
    // The memory may hold what another request left.
    data.fill(0)
  } else {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    for (let i = 0; i < values.length; i++) {
      if (tensor.datatype === "FP32") view.setFloat32(i * valueSize, values[i]!, true)
      else view.setInt32(i * valueSize, values[i]!, true)
    }
  }
  return tensor.targets.map((name) => ({ name, datatype: tensor.datatype, shape, data }))
}
