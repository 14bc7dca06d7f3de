/**
 * What the `parameters` of a request say.
 *
 * Source: protocol §1.5, §7.6.
 */
import { type InvalidRequest, Unsupported } from "../../../../../../schema/Errors.ts"
import type { Parameter, SequenceStep } from "../../../../../../schema/Inference.ts"
import * as RequestFault from "../../../infer/RequestFault.ts"
import type { WireParameter } from "./ParameterReader.ts"

const none: ReadonlyMap<string, Parameter> = new Map()
const longestSequenceId = 128
const emptyFinalResponse = "triton_enable_empty_final_response"

/** Parameters applied in the order of their entries. @internal */
export class RequestParameters {
  priority = 0
  timeoutMicros = 0
  private sequenceId: bigint | string = 0n
  private sequenceStart = false
  private sequenceEnd = false
  private custom: Map<string, Parameter> | undefined = undefined

  /** Throws `InvalidRequest`, and `Unsupported` for a correlation id that is too long. */
  apply(key: string, parameter: WireParameter): void {
    switch (key) {
      case "sequence_id":
        this.sequenceId = sequenceId(parameter)
        return
      case "sequence_start":
        this.sequenceStart = flag(key, parameter)
        return
      case "sequence_end":
        this.sequenceEnd = flag(key, parameter)
        return
      case "priority":
        this.priority = priority(parameter)
        return
      case "timeout":
        if (parameter.kind !== "int64") throw wrongType(key, "int64_param")
        this.timeoutMicros = Number(BigInt.asUintN(64, parameter.value))
        return
      case emptyFinalResponse:
        // Every response so far is its request's last one, so that there is no empty one to send.
        flag(key, parameter)
        return
    }
    if (key.startsWith("triton_")) {
      throw RequestFault.invalid(
        "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with " +
          `'triton_' are allowed: ${emptyFinalResponse}`
      )
    }
    this.custom ??= new Map()
    this.custom.set(key, customValue(key, parameter))
  }

  parameters(): ReadonlyMap<string, Parameter> {
    return this.custom ?? none
  }

  sequence(): SequenceStep | undefined {
    const { sequenceId: id } = this
    return id === 0n || id === "" ? undefined : { id, start: this.sequenceStart, end: this.sequenceEnd }
  }
}

const wrongType = (key: string, expected: string): InvalidRequest =>
  RequestFault.invalid(`invalid value type for '${key}' parameter, expected ${expected}.`)

const flag = (key: string, parameter: WireParameter): boolean => {
  if (parameter.kind === "bool") return parameter.value
  throw wrongType(key, "bool_param")
}

const sequenceId = (parameter: WireParameter): bigint | string => {
  if (parameter.kind === "int64") return BigInt.asUintN(64, parameter.value)
  if (parameter.kind !== "string") throw wrongType("sequence_id", "int64_param or string_param")
  if (Buffer.byteLength(parameter.value) > longestSequenceId) {
    throw new Unsupported({
      message: `string correlation ID cannot be longer than ${longestSequenceId} characters`
    })
  }
  return parameter.value
}

const priority = (parameter: WireParameter): number => {
  if (parameter.kind === "uint64") return Number(parameter.value)
  if (parameter.kind !== "int64") throw wrongType("priority", "int64_param or uint64_param")
  if (parameter.value < 0n) throw RequestFault.invalid("invalid value for 'priority', expected value >= 0.")
  return Number(parameter.value)
}

const customValue = (key: string, parameter: WireParameter): Parameter => {
  switch (parameter.kind) {
    case "bool":
    case "string":
    case "double":
      return parameter.value
    case "int64": {
      const value = Number(parameter.value)
      return Number.isSafeInteger(value) ? value : parameter.value
    }
    default:
      throw wrongType(key, "int64_param, bool_param, or string_param")
  }
}
