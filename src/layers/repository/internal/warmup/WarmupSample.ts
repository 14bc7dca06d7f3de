/**
 * Reads the samples of `model_warmup`.
 *
 * Source: model-config §6.4, scheduling §2.6.
 */
import { Effect } from "effect"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import { fromConfigName } from "../../../../schema/DataType.ts"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import * as Shape from "../../../../schema/Shape.ts"
import type { Services } from "../Directory.ts"
import * as FirstStep from "./FirstStep.ts"
import * as WarmupBatchInputs from "./WarmupBatchInputs.ts"
import * as WarmupData from "./WarmupData.ts"

/** What one execution of a warm-up takes. @category models */
export interface Sample {
  readonly name: string
  /** Requests of one row that it consists of. */
  readonly rows: number
  /** How often it runs. */
  readonly count: number
  /** The rows of all its requests, as the model takes them. */
  readonly inputs: ReadonlyArray<Tensor>
}

/** The version that is warmed up. @category models */
export interface Target extends FirstStep.Target {
  /** The model's folder. */
  readonly directory: string
}

/** How an input lies in a batch of requests of one row. */
interface Placed extends Pick<WarmupData.Wanted, "rows" | "blocks"> {
  /** Of the whole batch, as the model sees it. */
  readonly shape: ReadonlyArray<number>
  /** Of a row, without the batch. */
  readonly item: ReadonlyArray<number>
}

const place = (
  { config, signature, states }: Target,
  name: string,
  dims: ReadonlyArray<number>,
  rows: number
): Placed => {
  if (config.input.some((input) => input.allow_ragged_batch && input.name === name)) {
    return { shape: [Shape.elementCount(dims) * rows], rows, blocks: 1, item: dims }
  }
  const spec = signature.inputByName.get(name)
  // What clients do not send is a state, or a control, which has one for each row.
  const axis = spec?.batchAxis ?? states.find(({ input }) => input === name)?.batchAxis ??
    (signature.maxBatchSize > 0 ? 0 : BatchAxis.none)
  const given = BatchAxis.insert(dims, axis, rows)
  const shape = spec?.reshaped === true && Shape.matches(given, spec.shape)
    ? Shape.carry(spec.shape, given, spec.modelShape)
    : given
  // A scalar has no dimension for the batch.
  if (axis === BatchAxis.none || shape.length === 0) return { shape, rows: 1, blocks: 1, item: shape }
  return { shape, rows, blocks: Shape.elementCount(given.slice(0, axis)), item: BatchAxis.remove(shape, axis) }
}

type Setting = ModelConfig["model_warmup"][number]

const readSample = Effect.fnUntraced(function*(target: Target, setting: Setting, spend: (bytes: number) => boolean) {
  const { config, directory } = target
  const { batch_size: rows, name: sample } = setting
  const invalid = (message: string) => new LoadFailed({ model: config.name, code: "INVALID_ARG", message })
  const tooLarge = (input: string) =>
    invalid(
      `with input '${input}' of warmup sample '${sample}' the samples of the version have more than the ` +
        `${WarmupData.maxBytes} bytes that all may have: make its 'dims' or 'batch_size' smaller`
    )
  const inputs: Array<Tensor> = []
  const items = new Map<string, ReadonlyArray<number>>()
  for (const [name, input] of Object.entries(setting.inputs)) {
    const { dims } = input
    if (dims.some((dim) => dim < 0)) {
      return yield* invalid(`warmup setting expects all variable-size dimensions are specified for input '${name}'`)
    }
    const datatype = fromConfigName(String(input.data_type))?.name
    if (datatype === undefined) {
      return yield* invalid(
        `warmup setting gives input '${name}' the data type ${input.data_type}, which no tensor has`
      )
    }
    const elements = Shape.elementCount(dims)
    const { blocks, item, rows: held, shape } = place(target, name, dims, rows)
    if (!spend(WarmupData.byteLength(datatype, elements) * held)) return yield* tooLarge(name)
    const data = yield* WarmupData.make({
      model: config.name,
      directory,
      input: name,
      setting: input,
      datatype,
      elements,
      rows: held,
      blocks
    })
    // Strings of a file are longer than they were known to be.
    if (!spend(data.byteLength - WarmupData.byteLength(datatype, elements) * held)) return yield* tooLarge(name)
    inputs.push({ name, datatype, shape, data })
    items.set(name, item)
  }
  for (const tensor of WarmupBatchInputs.make(config, items, rows)) {
    if (!Object.hasOwn(setting.inputs, tensor.name)) inputs.push(tensor)
  }
  const given = (name: string) => Object.hasOwn(setting.inputs, name)
  const state = target.states.find(({ input }) => !given(input))
  if (state !== undefined && !spend(FirstStep.stateBytes(target, rows))) return yield* tooLarge(state.input)
  inputs.push(...FirstStep.tensors(target, rows, given))
  return { name: sample, rows, count: Math.max(1, setting.count), inputs } satisfies Sample
})

/**
 * The samples of a config in their order, without those of batch 0.
 *
 * Errors: `LoadFailed` INVALID_ARG for a setting that cannot be used, INTERNAL for a file that cannot be read.
 *
 * @category constructors
 */
export const readAll = Effect.fn("WarmupSample.readAll")(function*(target: Target): Effect.fn.Return<
  ReadonlyArray<Sample>,
  LoadFailed,
  Services
> {
  let left = WarmupData.maxBytes
  const spend = (bytes: number) => (left -= bytes) >= 0
  const samples: Array<Sample> = []
  for (const setting of target.config.model_warmup) {
    if (setting.batch_size === 0) yield* Effect.logDebug(`Skipping batch 0 warmup sample '${setting.name}'`)
    else samples.push(yield* readSample(target, setting, spend))
  }
  return samples
})
