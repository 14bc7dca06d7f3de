/** What a model takes and gives, as its clients see it and as the model sees it: computed once from the final config. */
import * as BatchAxis from "./BatchAxis.ts"
import type { DataType } from "./DataType.ts"
import { fromConfigName } from "./DataType.ts"
import type { ModelConfig } from "./ModelConfig.ts"

/** @category models */
export interface SignatureTensor {
  readonly name: string
  readonly datatype: DataType
  /** Client shape without the batch dimension: the config's `dims`. */
  readonly dims: ReadonlyArray<number>
  /** The dimension of `shape` that carries the batch, `BatchAxis.none` where none does. */
  readonly batchAxis: number
  /** Client shape: `dims`, with -1 put in where the batch is. */
  readonly shape: ReadonlyArray<number>
  /** What the model gets or gives: `[]` for a scalar, else `reshape` with -1 put in where the batch is, else `shape`. */
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
  /** Names of all outputs, sorted bytewise: the order of an answer. */
  readonly outputNames: ReadonlyArray<string>
}

/**
 * A tensor that the server itself gives a model or keeps of it: as the model sees it, required, without labels.
 *
 * @category constructors
 */
export const ownTensor = (
  { batchAxis, datatype, dims, name }: Pick<SignatureTensor, "name" | "datatype" | "dims" | "batchAxis">
): SignatureTensor => {
  const shape = BatchAxis.insert(dims, batchAxis)
  return {
    name,
    datatype,
    dims,
    batchAxis,
    shape,
    modelShape: shape,
    reshaped: false,
    optional: false,
    labels: undefined
  }
}

/** Names of the inputs that a request may leave out. @category getters */
export const optionalInputs = ({ inputs }: ModelSignature): ReadonlyArray<string> =>
  inputs.filter((input) => input.optional).map((input) => input.name)

/** Orders names by their UTF-8 bytes, which is the order of code points. @category ordering */
export const compareNames = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      // Surrogates stand for code points above every other unit, although their numbers are lower than U+E000 to U+FFFF.
      const xHigh = x >= 0xd800 && x <= 0xdfff
      const yHigh = y >= 0xd800 && y <= 0xdfff
      return xHigh === yHigh ? x - y : xHigh ? 1 : -1
    }
  }
  return a.length - b.length
}

const of = (
  maxBatchSize: number,
  inputs: ReadonlyArray<SignatureTensor>,
  outputs: ReadonlyArray<SignatureTensor>
): ModelSignature => ({
  maxBatchSize,
  inputs,
  outputs,
  inputByName: new Map(inputs.map((io) => [io.name, io])),
  outputByName: new Map(outputs.map((io) => [io.name, io])),
  requiredInputs: inputs.filter((io) => !io.optional).length,
  outputNames: outputs.map((io) => io.name).toSorted(compareNames)
})

/** The signature with these inputs and outputs behind its own; outputs that it has already stay. @category combinators */
export const extend = (
  signature: ModelSignature,
  inputs: ReadonlyArray<SignatureTensor>,
  outputs: ReadonlyArray<SignatureTensor>
): ModelSignature =>
  of(
    signature.maxBatchSize,
    [...signature.inputs, ...inputs],
    [...signature.outputs, ...outputs.filter(({ name }) => !signature.outputByName.has(name))]
  )

/**
 * The signature of a validated config. `labels` maps an output's name to its class labels; `scalars` names the inputs and
 * outputs that have rank 0 in the model, which a config can only describe as `dims: [ 1 ]`.
 *
 * @category constructors
 */
export const make = (
  config: ModelConfig,
  labels: ReadonlyMap<string, ReadonlyArray<string>> = new Map(),
  scalars: ReadonlySet<string> = new Set()
): ModelSignature => {
  const maxBatchSize = config.max_batch_size
  const tensor = (
    io: ModelConfig["input"][number] | ModelConfig["output"][number],
    optional: boolean
  ): SignatureTensor => {
    const batchAxis = BatchAxis.of(config, io.name)
    return {
      name: io.name,
      datatype: fromConfigName(String(io.data_type))!.name,
      dims: io.dims,
      batchAxis,
      shape: BatchAxis.insert(io.dims, batchAxis),
      modelShape: scalars.has(io.name)
        ? []
        : BatchAxis.insert(io.reshape === undefined ? io.dims : io.reshape.shape, batchAxis),
      reshaped: io.reshape !== undefined || scalars.has(io.name),
      optional,
      labels: labels.get(io.name)
    }
  }
  return of(
    maxBatchSize,
    config.input.map((io) => tensor(io, io.optional)),
    config.output.map((io) => tensor(io, false))
  )
}
