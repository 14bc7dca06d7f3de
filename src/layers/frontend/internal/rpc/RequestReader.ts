/** Reads an inference request that came over RPC: what the schema lets through and the protocol does not is refused by name. */
import { Result } from "effect"
import { InvalidRequest, Unsupported } from "../../../../schema/Errors.ts"
import type { InferenceRequest, Parameter, RequestedOutput } from "../../../../schema/Inference.ts"
import type { InferRequest } from "../../../../schema/rpc/Infer.ts"
import { maximumListed, maximumParameters, maximumRank } from "../infer/RequestFault.ts"

const noParameters: ReadonlyMap<string, Parameter> = new Map()
const noOutputs: ReadonlyArray<RequestedOutput> = []

/** The request without its deadline, which begins to count elsewhere. @internal */
export const read = (wire: InferRequest): Result.Result<InferenceRequest, InvalidRequest | Unsupported> => {
  const { id = "", inputs, priority = 0, sequence, timeoutMicros = 0 } = wire
  const refused = countProblem(wire) ?? numberProblem("priority", priority) ??
    numberProblem("timeoutMicros", timeoutMicros) ??
    numberProblem("deadlineMicros", wire.deadlineMicros ?? 0) ?? shapesProblem(wire)
  if (refused !== undefined) return Result.fail(new InvalidRequest({ message: refused }))
  const parameters = readParameters(wire)
  if (Result.isFailure(parameters)) return Result.fail(parameters.failure)
  if (typeof sequence?.id === "string" && utf8Length(sequence.id) > longestSequenceId) {
    return Result.fail(
      new Unsupported({ message: `string correlation ID cannot be longer than ${longestSequenceId} characters` })
    )
  }
  return Result.succeed({
    id,
    inputs,
    outputs: wire.outputs === undefined
      ? noOutputs
      : wire.outputs.map(({ classification = 0, name }) => ({ name, classification })),
    parameters: parameters.success,
    priority,
    timeoutMicros,
    deadlineMicros: 0,
    // Without an id a request is part of no sequence, as in the protocol's other encodings.
    sequence: sequence === undefined || sequence.id === "" || sequence.id === 0n
      ? undefined
      : { id: sequence.id, start: sequence.start ?? false, end: sequence.end ?? false }
  })
}

const longestSequenceId = 128

const utf8Length = (text: string): number => Buffer.byteLength(text)

const countProblem = ({ inputs, outputs = [] }: InferRequest): string | undefined =>
  inputs.length > maximumListed
    ? `request lists more than ${maximumListed} inputs`
    : outputs.length > maximumListed
    ? `request lists more than ${maximumListed} outputs`
    : undefined

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const numberProblem = (name: string, value: number): string | undefined =>
  isWhole(value) ? undefined : `'${name}' must be a whole number from 0 on, got ${value}`

const shapesProblem = ({ inputs, outputs }: InferRequest): string | undefined => {
  for (const { name, shape } of inputs) {
    if (shape.length > maximumRank) return `input '${name}' has ${shape.length} dimensions, more than ${maximumRank}`
    for (const size of shape) {
      if (!Number.isSafeInteger(size)) return `the shape of input '${name}' must hold whole numbers, got ${size}`
    }
  }
  for (const { classification = 0, name } of outputs ?? []) {
    const refused = numberProblem("classification", classification)
    if (refused !== undefined) return `output '${name}': ${refused}`
  }
  return undefined
}

const readParameters = (
  { parameters }: InferRequest
): Result.Result<ReadonlyMap<string, Parameter>, InvalidRequest> => {
  if (parameters === undefined) return Result.succeed(noParameters)
  const names = Object.keys(parameters)
  if (names.length > maximumParameters) {
    return Result.fail(new InvalidRequest({ message: `request has more than ${maximumParameters} parameters` }))
  }
  const map = new Map<string, Parameter>()
  for (const name of names) {
    if (name.startsWith("triton_")) {
      return Result.fail(
        new InvalidRequest({
          message: "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
        })
      )
    }
    map.set(name, parameters[name]!)
  }
  return Result.succeed(map)
}
