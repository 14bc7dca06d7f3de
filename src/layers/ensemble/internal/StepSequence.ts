/** The sequence that a step belongs to: that of the ensemble's request, unless an answer that the step reads says another. */
import { Result } from "effect"
import type { Parameter, SequenceStep } from "../../../schema/Inference.ts"

const idTypes = "expected parameter 'sequence_id' to be TRITONSERVER_PARAMETER_INT or TRITONSERVER_PARAMETER_STRING"
const flagType = (name: string) => `expect parameter '${name}' to be TRITONSERVER_PARAMETER_BOOL`

const idOf = (value: Parameter): bigint | string | undefined => {
  if (typeof value === "string") return value
  if (typeof value === "bigint") return BigInt.asUintN(64, value)
  return typeof value === "number" && Number.isInteger(value) ? BigInt.asUintN(64, BigInt(value)) : undefined
}

/**
 * What the parameters of a step's answer say to those who read its outputs; `undefined` where they say nothing. `own` is the sequence
 * of the step itself. An id of 0 or `""` is none. Fails with a sentence for a parameter of the wrong type.
 *
 * @category getters
 */
export const override = (
  parameters: ReadonlyMap<string, Parameter>,
  own: SequenceStep | undefined
): Result.Result<SequenceStep | undefined, string> => {
  if (parameters.size === 0) return Result.succeed(undefined)
  const id = parameters.get("sequence_id")
  const start = parameters.get("sequence_start")
  const end = parameters.get("sequence_end")
  if (id === undefined && start === undefined && end === undefined) return Result.succeed(undefined)
  const read = id === undefined ? own?.id ?? 0n : idOf(id)
  if (read === undefined) return Result.fail(idTypes)
  if (start !== undefined && typeof start !== "boolean") return Result.fail(flagType("sequence_start"))
  if (end !== undefined && typeof end !== "boolean") return Result.fail(flagType("sequence_end"))
  return Result.succeed({ id: read, start: start ?? own?.start ?? false, end: end ?? own?.end ?? false })
}

/** A sequence that has an id. @category getters */
export const present = (sequence: SequenceStep | undefined): SequenceStep | undefined =>
  sequence === undefined || sequence.id === 0n || sequence.id === "" ? undefined : sequence

/** Both are the same step of the same sequence. @category guards */
export const equals = (a: SequenceStep, b: SequenceStep): boolean =>
  a.id === b.id && a.start === b.start && a.end === b.end

const none: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  ["sequence_id", 0],
  ["sequence_start", false],
  ["sequence_end", false]
])

/** The parameters by which an answer tells of which sequence it is. Source: scheduling §5.2. @category getters */
export const parametersOf = (sequence: SequenceStep | undefined): ReadonlyMap<string, Parameter> => {
  if (sequence === undefined) return none
  const { end, id, start } = sequence
  return new Map<string, Parameter>([
    ["sequence_id", typeof id === "string" ? id : integer(BigInt.asIntN(64, id))],
    ["sequence_start", start],
    ["sequence_end", end]
  ])
}

const integer = (value: bigint): Parameter => Number.isSafeInteger(Number(value)) ? Number(value) : value
