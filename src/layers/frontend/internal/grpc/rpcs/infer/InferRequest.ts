/**
 * Makes the request of a `ModelInferRequest` that was read, and says what is wrong with it, in Triton's order and words.
 *
 * Source: protocol §7.4, §7.6, §4.10.
 */
import { Result } from "effect"
import type { InvalidRequest } from "../../../../../../schema/Errors.ts"
import type { InferenceRequest, RequestedOutput } from "../../../../../../schema/Inference.ts"
import type { TraceParent } from "../../../../../../schema/RequestTrace.ts"
import type { Forward } from "../../../HeaderForwarding.ts"
import type { TensorsOfRequest } from "../../../infer/ClientTensors.ts"
import type { Place } from "../../../infer/Fields.ts"
import { Names } from "../../../infer/Names.ts"
import * as RequestFault from "../../../infer/RequestFault.ts"
import type { InputTensor, OutputEntry, RequestMessage, TensorParameters } from "./InferRequestReader.ts"
import { RequestParameters } from "./RequestParameters.ts"

/** What a request needs beside its message. @internal */
export interface Surroundings extends TensorsOfRequest {
  /** Memory for tensors that came as lists of numbers, aligned to 8 bytes; it stays the caller's, also where this fails. */
  readonly allocate: (byteLength: number) => Uint8Array
  readonly forward: Forward | undefined
  /** Names and values of the call's metadata, in turns. */
  readonly metadata: ReadonlyArray<string>
  /** Microseconds until nobody waits any more; 0: never. */
  readonly deadlineMicros: number
  /** What is noted of the request; left out: nothing. */
  readonly trace?: TraceParent | undefined
}

const noOutputs: ReadonlyArray<RequestedOutput> = []

/**
 * The request. Its tensors are views of the message, except those that came as lists of numbers, which lie in memory of `allocate`.
 *
 * Throws `InvalidRequest`, `RegionNotFound` for a tensor in shared memory that is not registered, `Unsupported` for a correlation id that is too long, and
 * `WireProblem` for contents that are no message.
 *
 * @internal
 */
export const toRequest = (message: RequestMessage, surroundings: Surroundings): InferenceRequest => {
  const parameters = new RequestParameters()
  if (message.parameters !== undefined) {
    for (const [key, parameter] of message.parameters) parameters.apply(key, parameter)
  }
  const { id, inputs, outputs } = message
  refuseRepeated("input", inputs, id)
  refuseRepeated("output", outputs, id)
  let custom = parameters.parameters()
  if (surroundings.forward !== undefined) {
    custom = Result.getOrThrow(surroundings.forward(surroundings.metadata, custom))
  }
  findData(message, surroundings)
  const requestedOutputs = outputs.length === 0
    ? noOutputs
    : outputs.map((entry) => requested(entry, surroundings))
  return {
    id,
    inputs,
    outputs: requestedOutputs,
    parameters: custom,
    priority: parameters.priority,
    timeoutMicros: parameters.timeoutMicros,
    deadlineMicros: surroundings.deadlineMicros,
    sequence: parameters.sequence(),
    trace: surroundings.trace
  }
}

const refuseRepeated = (
  kind: "input" | "output",
  entries: ReadonlyArray<{ readonly name: string }>,
  id: string
): void => {
  if (entries.length < 2) return
  if (entries.length === 2) {
    if (entries[0]!.name === entries[1]!.name) throw repeated(kind, entries[1]!.name, id)
    return
  }
  const { taken } = new Names()
  for (const { name } of entries) if (taken(name)) throw repeated(kind, name, id)
}

const repeated = (kind: "input" | "output", name: string, id: string): InvalidRequest =>
  RequestFault.listedTwice(new RequestFault.ListedTwice(kind, name), id)

/** Gives each input its bytes: those of its own lists, or the next of the raw contents. */
const findData = (message: RequestMessage, surroundings: Surroundings): void => {
  const { bytes, inputs, modelName, raw } = message
  let next = 0
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!
    if (input.parameters !== undefined && isInRegion(input, input.parameters, modelName, surroundings)) continue
    if (input.contents !== undefined) {
      if (raw.length > 0) {
        throw RequestFault.invalid(
          `contents field must not be specified when using raw_input_contents for '${input.name}' for model '${modelName}'`
        )
      }
      input.data = input.contents.data(bytes, input, modelName, surroundings.allocate)
    } else {
      if (next >= raw.length) {
        throw RequestFault.invalid(
          `unable to find data for input tensor '${input.name}' for model '${modelName}' in request.`
        )
      }
      const start = raw[next]!
      input.data = new Uint8Array(bytes.buffer, bytes.byteOffset + start, raw[next + 1]! - start)
      next += 2
    }
  }
}

/** Whether the bytes of an input come from shared memory; then they need not be found. */
const isInRegion = (
  input: InputTensor,
  parameters: TensorParameters,
  model: string,
  surroundings: Surroundings
): boolean => {
  const place = placeOf(input.name, parameters)
  if (place === undefined) return false
  if (input.contents !== undefined) {
    throw RequestFault.invalid(
      `unexpected 'content' provided when using shared memory for input tensor '${input.name}' for model '${model}'`
    )
  }
  surroundings.inRegion(place.region).input(input, place.region, place.offset, place.byteSize)
  return true
}

/** The part of a region that a tensor asks for, after the three parameters were judged. */
const placeOf = (tensor: string, parameters: TensorParameters): Place | undefined => {
  const { region, regionByteSize, regionOffset } = parameters
  if (region !== undefined && region.kind !== "string") {
    throw wrongType("shared_memory_region", tensor, "string_param")
  }
  if (regionOffset !== undefined) {
    if (region === undefined) throw withoutRegion("shared_memory_offset", tensor)
    if (regionOffset.kind !== "int64") throw wrongType("shared_memory_offset", tensor, "int64_param")
  }
  if (regionByteSize !== undefined) {
    if (region === undefined) throw withoutRegion("shared_memory_byte_size", tensor)
    if (regionByteSize.kind !== "int64") throw wrongType("shared_memory_byte_size", tensor, "int64_param")
  } else if (region !== undefined) {
    throw RequestFault.invalid(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '${tensor}'`
    )
  }
  if (region === undefined || regionByteSize === undefined) return undefined
  return { region: region.value, offset: regionOffset?.value ?? 0, byteSize: regionByteSize.value }
}

const wrongType = (key: string, tensor: string, expected: string): InvalidRequest =>
  RequestFault.invalid(`invalid value type for '${key}' parameter for tensor '${tensor}', expected ${expected}.`)

const withoutRegion = (key: string, tensor: string): InvalidRequest =>
  RequestFault.invalid(
    `'${key}' can not be specified without 'shared_memory_region' parameter for tensor '${tensor}'`
  )

const requested = ({ name, parameters }: OutputEntry, surroundings: Surroundings): RequestedOutput => {
  if (parameters === undefined) return { name, classification: 0 }
  const place = placeOf(name, parameters)
  const { classification } = parameters
  if (place !== undefined) {
    if (classification !== undefined) {
      throw RequestFault.invalid("output can't set both 'shared_memory_region' and 'classification'")
    }
    surroundings.inRegion(place.region).output(name, place.region, place.offset, place.byteSize)
    return { name, classification: 0 }
  }
  if (classification === undefined) return { name, classification: 0 }
  if (classification.kind !== "int64") {
    throw RequestFault.invalid("invalid value type for 'classification' parameter, expected int64_param")
  }
  if (classification.value <= 0n) {
    throw RequestFault.invalid("invalid value for 'classification' parameter, expected >= 0")
  }
  return { name, classification: Number(classification.value) }
}
