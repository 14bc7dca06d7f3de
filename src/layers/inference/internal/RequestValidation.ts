/**
 * Checks a request against the signature of its model, in Triton's order and words, and turns it into a job in the
 * model's own shapes.
 *
 * Source: Triton's `infer_request.cc` (Normalize and ValidateRequestInputs).
 */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import { byteSize } from "../../../schema/DataType.ts"
import { InvalidRequest, Unsupported } from "../../../schema/Errors.ts"
import type { InferenceRequest, SequenceStep, Tensor } from "../../../schema/Inference.ts"
import { compareNames, type ModelSignature, type SignatureTensor } from "../../../schema/ModelSignature.ts"
import type { ModelTrace } from "../../../schema/RequestTrace.ts"
import { carry, matches, show } from "../../../schema/Shape.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import type { Job } from "../../../services/Scheduler.ts"
import { bytesProblem } from "./BytesTensor.ts"
import * as Classification from "./Classification.ts"
import { requestPrefix } from "./RequestPrefix.ts"

const maxInt64 = 9223372036854775807n

const batchNote =
  "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended " +
  "to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting " +
  "max_batch_size to zero. See the model configuration docs for more info on max_batch_size."

/** The job of a valid request, or what is wrong with it. Nothing is allocated for the sizes that a request declares. */
export const validate = (
  model: Model,
  request: InferenceRequest,
  trace?: ModelTrace | undefined
): Result.Result<Job, InvalidRequest | Unsupported> => {
  const { sequence } = request
  const refused = sequence && sequenceProblem(sequence.id)
  if (refused !== undefined) return Result.fail(refused)
  const message = problem(model, request)
  if (message !== undefined) return Result.fail(new InvalidRequest({ message }))
  const { signature } = model
  const inputs = request.inputs
  let shaped: Array<Tensor> | undefined
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!
    const spec = signature.inputByName.get(input.name)!
    if (!spec.reshaped) continue
    shaped ??= inputs.slice()
    shaped[i] = { ...input, shape: carry(spec.shape, input.shape, spec.modelShape) }
  }
  return Result.succeed({
    inputs: shaped ?? inputs,
    outputs: request.outputs.length === 0
      ? signature.outputNames
      : request.outputs.map((output) => output.name).sort(compareNames),
    batchSize: signature.maxBatchSize > 0 ? batchSizeOf(signature, inputs) : 1,
    priority: request.priority,
    timeoutMicros: request.timeoutMicros,
    deadlineMicros: request.deadlineMicros,
    request,
    trace
  })
}

const longestSequenceId = 128

/** What no encoding of the protocol lets through, and a program that has the server inside may ask for. */
const sequenceProblem = (id: SequenceStep["id"]): InvalidRequest | Unsupported | undefined => {
  if (typeof id === "bigint") {
    if (BigInt.asUintN(64, id) === id) return undefined
    return new InvalidRequest({ message: `the correlation ID must be a whole number from 0 to 2^64 - 1, got ${id}` })
  }
  // No character of UTF-16 takes more than three bytes.
  if (id.length * 3 <= longestSequenceId || utf8.encode(id).length <= longestSequenceId) return undefined
  return new Unsupported({ message: `string correlation ID cannot be longer than ${longestSequenceId} characters` })
}

const utf8 = new TextEncoder()

/** Rows of valid inputs: all that have a batch dimension agree. */
const batchSizeOf = (signature: ModelSignature, inputs: ReadonlyArray<Tensor>): number => {
  for (let i = 0; i < inputs.length; i++) {
    const { name, shape } = inputs[i]!
    const { batchAxis } = signature.inputByName.get(name)!
    if (batchAxis !== BatchAxis.none) return shape[batchAxis]!
  }
  return 1
}

const problem = (model: Model, request: InferenceRequest): string | undefined => {
  const { signature } = model
  const { inputs, outputs } = request

  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i]!
    for (let j = 0; j < i; j++) {
      if (outputs[j]!.name === output.name) {
        return `${requestPrefix(request)}output '${output.name}' already exists in request`
      }
    }
    const spec = signature.outputByName.get(output.name)
    if (spec === undefined) return `unexpected inference output '${output.name}' for model '${model.name}'`
    if (output.classification > 0) {
      const refused = Classification.unsupported(spec.datatype)
      if (refused !== undefined) return refused
      if (spec.batchAxis > 0) {
        return `class result not available for output '${output.name}', whose batch is not the first dimension`
      }
    }
  }

  let required = 0
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!
    for (let j = 0; j < i; j++) {
      if (inputs[j]!.name === input.name) {
        return `${requestPrefix(request)}input '${input.name}' already exists in request`
      }
    }
    const spec = signature.inputByName.get(input.name)
    if (spec !== undefined && !spec.optional) required++
  }
  if (inputs.length < signature.requiredInputs || inputs.length > signature.inputs.length) {
    return requestPrefix(request) + countProblem(model, inputs) + stateNote(model, inputs)
  }

  let batch = -1
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!
    const spec = signature.inputByName.get(input.name)
    if (spec === undefined) {
      return `unexpected inference input '${input.name}' for model '${model.name}'${stateNote(model, inputs)}`
    }
    const { batchAxis } = spec
    if (batchAxis === BatchAxis.none) continue
    if (input.shape.length === 0) {
      return `${
        requestPrefix(request)
      }input '${input.name}' has no shape but model requires batch dimension for '${model.name}'`
    }
    // A shape without that dimension is refused as a shape below.
    if (batchAxis >= input.shape.length) continue
    if (batch === -1) batch = input.shape[batchAxis]!
    else if (batch !== input.shape[batchAxis]) {
      return `${requestPrefix(request)}input '${input.name}' batch size does not match other inputs for '${model.name}'`
    }
  }
  // The count fits but an optional input stands in for a required one, which Triton lets through.
  if (required < signature.requiredInputs) return requestPrefix(request) + countProblem(model, inputs)
  if (signature.maxBatchSize > 0 && batch > signature.maxBatchSize && model.scheduler.splits !== true) {
    return `${
      requestPrefix(request)
    }inference request batch-size must be <= ${signature.maxBatchSize} for '${model.name}'`
  }

  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!
    const found = tensorProblem(model, signature.inputByName.get(input.name)!, input, request)
    if (found !== undefined) return found
  }
  return undefined
}

/** Says of a state that clients need not send it. */
const stateNote = ({ config }: Model, inputs: ReadonlyArray<Tensor>): string => {
  const states = config.sequence_batching?.state ?? []
  const sent = inputs.find(({ name }) => states.some(({ input_name }) => input_name === name))
  return sent === undefined
    ? ""
    : ` ('${sent.name}' is a state, which the server keeps from step to step of a sequence: leave it out)`
}

const countProblem = (model: Model, inputs: ReadonlyArray<Tensor>): string => {
  const { signature } = model
  const list = (names: ReadonlyArray<string>) => `[${names.map((name) => `'${name}'`).join(",")}]`
  const given = new Set(inputs.map((input) => input.name))
  const missing = signature.inputs.filter((spec) => !spec.optional && !given.has(spec.name)).map((spec) => spec.name)
  const expected = signature.requiredInputs === signature.inputs.length
    ? `expected ${signature.inputs.length} inputs but got ${inputs.length} inputs`
    : `expected number of inputs between ${signature.requiredInputs} and ${signature.inputs.length} but got ${inputs.length} inputs`
  const got = list([...given])
  const lacks = missing.length === 0 ? "]" : list(missing)
  return `${expected} for model '${model.name}'. Got input(s) ${got}, but missing required input(s) ${lacks}. ` +
    "Please provide all required input(s)."
}

const tensorProblem = (
  model: Model,
  spec: SignatureTensor,
  input: Tensor,
  request: InferenceRequest
): string | undefined => {
  if (input.datatype !== spec.datatype) {
    return `${
      requestPrefix(request)
    }inference input '${input.name}' data-type is '${input.datatype}', but model '${model.name}' expects ` +
      `'${spec.datatype}'`
  }
  const { shape } = input
  if (shape.includes(-1)) {
    return `${
      requestPrefix(request)
    }All input dimensions should be specified for input '${input.name}' for model '${model.name}', got ` +
      show(shape)
  }
  if (!matches(shape, spec.shape)) {
    return `${requestPrefix(request)}unexpected shape for input '${input.name}' for model '${model.name}'. Expected ${
      show(spec.shape)
    }, ` +
      `got ${show(shape)}. ${spec.batchAxis === 0 ? batchNote : ""}`
  }
  let elements = 1
  for (let i = 0; i < shape.length; i++) {
    const dim = shape[i]!
    if (dim < 0) return `tensor '${input.name}' contains an invalid dimension in shape ${show(shape)}`
    // Triton counts a batch of no rows as one row, so that the size check refuses it.
    elements *= dim === 0 && i === spec.batchAxis ? 1 : dim
  }
  const size = byteSize(spec.datatype)
  if (elements * Math.max(size, 1) > Number.MAX_SAFE_INTEGER) {
    const exact = shape.reduce((product, dim) => product * BigInt(dim), 1n)
    if (exact > maxInt64) return `element count for tensor '${input.name}' exceeds maximum size of ${maxInt64}`
    if (exact * BigInt(size) > maxInt64) {
      return `byte size for tensor '${input.name}' exceeds maximum size of ${maxInt64}`
    }
    if (size > 0) return sizeMismatch(model, input, exact * BigInt(size), request)
  }
  if (size === 0) return bytesProblem(input, elements, model.name, request)
  if (input.data.byteLength !== elements * size) return sizeMismatch(model, input, elements * size, request)
  return undefined
}

const sizeMismatch = (model: Model, input: Tensor, expected: number | bigint, request: InferenceRequest): string =>
  `${
    requestPrefix(request)
  }input byte size mismatch for input '${input.name}' for model '${model.name}'. Expected ${expected}, got ` +
  `${input.data.byteLength}`
