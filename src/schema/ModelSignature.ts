/** What a model takes and gives, as its clients see it and as the model sees it: computed once from the final config. */
import type { DataType } from "./DataType.ts"
import { fromConfigName } from "./DataType.ts"
import type { ModelConfig } from "./ModelConfig.ts"

/** @category models */
export interface SignatureTensor {
  readonly name: string
  readonly datatype: DataType
  /** Client shape without the batch dimension: the config's `dims`. */
  readonly dims: ReadonlyArray<number>
  /** Client shape with a leading -1 where the model batches. */
  readonly shape: ReadonlyArray<number>
  /** Model shape with a leading -1 where the model batches, when the config has a `reshape`; otherwise `shape`. */
  readonly modelShape: ReadonlyArray<number>
  readonly reshaped: boolean
  readonly optional: boolean
  /** Lines of `label_filename`, `undefined` without one. */
  readonly labels: ReadonlyArray<string> | undefined
}

/** @category models */
export interface ModelSignature {
  /** 0: the model does not batch and shapes are complete as they stand. */
  readonly maxBatchSize: number
  readonly inputs: ReadonlyArray<SignatureTensor>
  /** In config order. */
  readonly outputs: ReadonlyArray<SignatureTensor>
  readonly inputByName: ReadonlyMap<string, SignatureTensor>
  readonly outputByName: ReadonlyMap<string, SignatureTensor>
  readonly requiredInputs: number
}

/** The signature of a validated config. `labels` maps an output's name to its class labels. @category constructors */
export const make = (
  config: ModelConfig,
  labels: ReadonlyMap<string, ReadonlyArray<string>> = new Map()
): ModelSignature => {
  const maxBatchSize = config.max_batch_size
  const batched = (dims: ReadonlyArray<number>) => maxBatchSize > 0 ? [-1, ...dims] : dims
  const tensor = (
    io: ModelConfig["input"][number] | ModelConfig["output"][number],
    optional: boolean
  ): SignatureTensor => ({
    name: io.name,
    datatype: fromConfigName(String(io.data_type))!.name,
    dims: io.dims,
    shape: batched(io.dims),
    modelShape: batched(io.reshape === undefined ? io.dims : io.reshape.shape),
    reshaped: io.reshape !== undefined,
    optional,
    labels: labels.get(io.name)
  })
  const inputs = config.input.map((io) => tensor(io, io.optional))
  const outputs = config.output.map((io) => tensor(io, false))
  return {
    maxBatchSize,
    inputs,
    outputs,
    inputByName: new Map(inputs.map((io) => [io.name, io])),
    outputByName: new Map(outputs.map((io) => [io.name, io])),
    requiredInputs: inputs.filter((io) => !io.optional).length
  }
}
