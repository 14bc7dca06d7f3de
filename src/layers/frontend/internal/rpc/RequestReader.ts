/** Reads an inference request that came over RPC: what the schema lets through and the protocol does not is refused by name. */
import { Result } from "effect"
import { InvalidRequest } from "../../../../schema/Errors.ts"
import type { InferenceRequest, Parameter, RequestedOutput } from "../../../../schema/Inference.ts"
import type { TraceParent } from "../../../../schema/RequestTrace.ts"
import type { InferRequest } from "../../../../schema/rpc/Infer.ts"
import { maximumListed, maximumParameters, maximumRank } from "../infer/RequestFault.ts"
import type { WireRequest } from "./WireRpcs.ts"

const noParameters: ReadonlyMap<string, Parameter> = new Map()
const noOutputs: ReadonlyArray<RequestedOutput> = []

/** A request whose integers beyond 2^53 are `bigint`, or `{ int64 }` as on the wire. @internal */
export type AnyRequest = InferRequest | WireRequest

/** The request without its deadline, which begins to count elsewhere. `trace`: what is noted of it. @internal */
export const read = (
  wire: AnyRequest,
  trace?: TraceParent
): Result.Result<InferenceRequest, InvalidRequest> => {
  const { id = "", inputs, priority = 0, timeoutMicros = 0 } = wire
  const refused = countProblem(wire) ?? numberProblem("priority", priority) ??
    numberProblem("timeoutMicros", timeoutMicros) ??
    numberProblem("deadlineMicros", wire.deadlineMicros ?? 0) ?? shapesProblem(wire)
  if (refused !== undefined) return Result.fail(new InvalidRequest({ message: refused }))
  const parameters = readParameters(wire)
  if (Result.isFailure(parameters)) return Result.fail(parameters.failure)
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
    sequence: readSequence(wire),
    trace
  })
}

const plain = <A extends Parameter>(value: A | { readonly int64: bigint }): A | bigint =>
  typeof value === "object" ? value.int64 : value

/** Without an id a request is part of no sequence, as in the protocol's other encodings. */
const readSequence = ({ sequence }: AnyRequest): InferenceRequest["sequence"] => {
  if (sequence === undefined) return undefined
  const id = plain(sequence.id)
  return id === "" || id === 0n ? undefined : { id, start: sequence.start ?? false, end: sequence.end ?? false }
}

const countProblem = ({ inputs, outputs = [] }: AnyRequest): string | undefined =>
  inputs.length > maximumListed
    ? `request lists more than ${maximumListed} inputs`
    : outputs.length > maximumListed
    ? `request lists more than ${maximumListed} outputs`
    : undefined

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const numberProblem = (name: string, value: number): string | undefined =>
  isWhole(value) ? undefined : `'${name}' must be a whole number from 0 on, got ${value}`

const shapesProblem = ({ inputs, outputs }: AnyRequest): string | undefined => {
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
  { parameters }: AnyRequest
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
    const value = plain(parameters[name]!)
    if (typeof value === "number" && !Number.isFinite(value)) {
      return Result.fail(new InvalidRequest({ message: `parameter '${name}' must be a finite number, got ${value}` }))
    }
    map.set(name, value)
  }
  return Result.succeed(map)
}
