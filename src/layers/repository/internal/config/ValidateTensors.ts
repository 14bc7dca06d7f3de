/** Checks of inputs, outputs, `batch_input` and `batch_output`. Texts are Triton's. */
import type { ModelConfig, ModelInput, ModelOutput } from "../../../../schema/ModelConfig.ts"
import type { EnumType } from "../../../../schema/proto/Descriptor.ts"
import { BatchInput } from "../../../../schema/proto/TensorFields.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"
import { batchingFaults } from "./ValidateBatching.ts"

/** @category models */
export interface IoOptions {
  /**
   * Whether the model itself declares a dimension of 0 in an input or output, the only case in which the config may. Absent:
   * never. Where the model was not looked at yet, `() => true` leaves the question to the check after it.
   */
  readonly declaresZero?: (tensor: { readonly kind: "input" | "output"; readonly name: string }) => boolean
}

const most = 2n ** 63n - 1n

/** Elements of a shape: -1 with a wildcard in it, `undefined` beyond 64 bits. */
const elementCount = (shape: ReadonlyArray<number>): bigint | undefined => {
  let count = 1n
  for (const size of shape) {
    if (size === -1) return -1n
    count *= BigInt(size)
    if (count > most) return undefined
  }
  return count
}

/** Products of the fixed sizes before, between and after the wildcards. */
const fixedProducts = (shape: ReadonlyArray<number>): ReadonlyArray<bigint> => {
  const products = [1n]
  for (const size of shape) {
    if (size === -1) products.push(1n)
    else products[products.length - 1]! *= BigInt(size)
  }
  return products
}

const wildcards = (shape: ReadonlyArray<number>): number => shape.filter((size) => size === -1).length

function* shapeFaults(
  io: ModelInput | ModelOutput,
  prefix: string,
  maxBatchSize: number,
  zeroAllowed: () => boolean
): Generator<string> {
  const reshape = io.reshape?.shape
  const badSize = (size: number) => size < -1 || (size === 0 && !zeroAllowed())
  const sizes = "must be integer >= 1, or -1 to indicate a variable-size dimension"
  if (io.dims.length === 0) yield `${prefix}must specify 'dims'`
  if (reshape?.length === 0 && maxBatchSize === 0) {
    yield `${prefix}cannot have empty reshape for non-batching model as scalar tensors are not supported`
  }
  if (io.dims.some(badSize)) yield `${prefix}dimension ${sizes}`
  if (reshape?.some(badSize)) yield `${prefix}reshape dimensions ${sizes}`
  const dimsCount = elementCount(io.dims)
  const tooMany = (what: string) => `element count for tensor '${io.name} ${what}' exceeds maximum size of ${most}`
  if (dimsCount === undefined) yield tooMany("dims")
  if (reshape === undefined) return
  const reshapeCount = elementCount(reshape)
  if (reshapeCount === undefined) yield tooMany("reshape")
  if (dimsCount !== reshapeCount) {
    yield `${prefix}has different size for dims and reshape`
  }
  if (dimsCount !== -1n) return
  if (wildcards(io.dims) !== wildcards(reshape)) {
    yield `${prefix}has different number of variable-size dimensions for dims and reshape`
  }
  const products = fixedProducts(reshape)
  if (fixedProducts(io.dims).some((product, index) => product !== products[index])) {
    yield `${prefix}has different size for dims and reshape`
  }
}

function* tensorFaults(
  config: ModelConfig,
  kind: "input" | "output",
  io: ModelInput | ModelOutput,
  options: IoOptions
): Generator<string> {
  if (io.name === "") yield `model ${kind} must specify 'name'`
  const prefix = `model ${kind} '${io.name}' `
  if (io.data_type === "TYPE_INVALID") yield `${prefix}must specify 'data_type'`
  if (typeof io.data_type === "number") yield `${prefix}has unknown 'data_type' ${io.data_type}`
  const zeroAllowed = () => options.declaresZero?.({ kind, name: io.name }) ?? false
  yield* shapeFaults(io, prefix, config.max_batch_size, zeroAllowed)
  if ("format" in io) {
    if (typeof io.format === "number") yield `${prefix}has unknown 'format' ${io.format}`
    if (io.format !== "FORMAT_NONE" && io.dims.length !== 3) yield "model input NHWC/NCHW require 3 dims"
  }
  if (config.platform === "tensorrt_plan") return
  if (io.is_shape_tensor) yield "shape tensors are only supported for TensorRT platform"
  if (io.is_non_linear_format_io) yield "Non-linear IO format is only supported for the TensorRT platform"
}

const batchInputKinds = BatchInput.byName.get("kind")!.type as EnumType

function* batchFaults(config: ModelConfig): Generator<string> {
  const isInput = (name: string) => config.input.some((io) => io.name === name)
  const isOutput = (name: string) => config.output.some((io) => io.name === name)
  for (const { data_type, kind, source_input } of config.batch_input) {
    if (!Object.hasOwn(batchInputKinds.numbers, kind)) yield `unknown batch input kind '${kind}'`
    if (source_input.length !== 1) {
      yield `batch input kind '${kind}' expects 1 source input, got ${source_input.length}`
    }
    if (data_type !== "TYPE_INT32" && data_type !== "TYPE_FP32") {
      yield "batch input data type must be TYPE_INT32 or TYPE_FP32"
    }
    for (const source of source_input) if (!isInput(source)) yield `unknown source input name '${source}'`
  }
  for (const { kind, source_input, target_name } of config.batch_output) {
    if (typeof kind === "number") yield `unknown batch output kind '${kind}'`
    if (source_input.length !== 1) {
      yield `batch output kind '${kind}' expects 1 source input, got ${source_input.length}`
    }
    for (const source of source_input) if (!isInput(source)) yield `unknown source input name '${source}'`
    const seen = new Set<string>()
    for (const target of target_name) {
      if (!isOutput(target)) yield `unknown target output name '${target}'`
      if (seen.has(target)) yield `target output name '${target}' can only be specified once`
      seen.add(target)
    }
  }
}

function* duplicateFaults(
  kind: "input" | "output",
  tensors: ReadonlyArray<ModelInput | ModelOutput>
): Generator<string> {
  const seen = new Set<string>()
  for (const { name } of tensors) {
    if (seen.has(name)) yield `model ${kind} '${name}' is specified more than once`
    seen.add(name)
  }
}

function* ioFaults(config: ModelConfig, options: IoOptions): Generator<ConfigFault> {
  const faults = function*(): Generator<string> {
    for (const io of config.input) yield* tensorFaults(config, "input", io, options)
    for (const io of config.output) yield* tensorFaults(config, "output", io, options)
    yield* batchFaults(config)
    yield* duplicateFaults("input", config.input)
    yield* duplicateFaults("output", config.output)
    yield* batchingFaults(config)
  }
  for (const text of faults()) yield invalid(`${text} for ${config.name}`)
}

/**
 * Checks inputs and outputs: stage 6 in strict mode, and stage 12 always. Errors: INVALID_ARG.
 *
 * @category guards
 */
export const validateIo = (config: ModelConfig, options: IoOptions = {}): Checked =>
  firstFault(ioFaults(config, options))
