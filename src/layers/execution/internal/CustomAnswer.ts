/** What a run of a custom model gave: every tensor checked against the config before anything of it is used. */
import * as BytesElements from "../../../schema/BytesElements.ts"
import type { Answer, NamedTensor, Result, Tensors } from "../../../schema/CustomModel.ts"
import * as DataType from "../../../schema/DataType.ts"
import type { Parameter } from "../../../schema/Inference.ts"
import type { PlannedState, TensorSpec } from "../../../services/Executor.ts"
import { WrongModel } from "./CustomFailure.ts"

/** @category models */
export interface Expected {
  readonly model: string
  readonly outputs: ReadonlyMap<string, TensorSpec>
  readonly states: ReadonlyArray<PlannedState>
  /** Of the whole config, for messages. */
  readonly stateNames: ReadonlySet<string>
}

/** @category models */
export interface Given {
  /** Outputs and new states, by name. */
  readonly tensors: ReadonlyMap<string, NamedTensor>
  readonly parameters: ReadonlyMap<string, Parameter> | undefined
}

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : value === undefined
    ? "nothing"
    : Array.isArray(value)
    ? "a list"
    : ArrayBuffer.isView(value)
    ? `a ${Object.prototype.toString.call(value).slice(8, -1)}`
    : `a value of type ${typeof value}`

const isTensor = (value: unknown): value is NamedTensor =>
  typeof value === "object" && value !== null && "datatype" in value && "shape" in value && "data" in value &&
  typeof value.datatype === "string" && Array.isArray(value.shape) && value.data instanceof Uint8Array

/** An answer with more than outputs; an output that is called `outputs` makes none. */
const isResult = (answer: Answer): answer is Result =>
  !Array.isArray(answer) && "outputs" in answer && !isTensor(answer.outputs)

const entriesOf = (tensors: Tensors, what: string): ReadonlyArray<readonly [string, NamedTensor]> => {
  if (typeof tensors !== "object" || tensors === null) {
    throw new WrongModel(
      `the model gave ${kindOf(tensors)} as its ${what}, expected tensors: a list, or an object by name`
    )
  }
  const entries = Array.isArray(tensors)
    ? tensors.map((tensor: unknown) => {
      const name = typeof tensor === "object" && tensor !== null && "name" in tensor ? tensor.name : undefined
      if (typeof name !== "string") throw new WrongModel(`the model gave a tensor without a name among its ${what}`)
      return [name, tensor] as const
    })
    : Object.entries(tensors).filter(([, tensor]) => tensor !== undefined)
  const seen = new Set<string>()
  for (const [name, tensor] of entries) {
    if (seen.has(name)) {
      throw new WrongModel(
        `the model gave '${name}' more than once among its ${what}, expected one tensor of each name`
      )
    }
    seen.add(name)
    if (!isTensor(tensor)) {
      throw new WrongModel(
        `the model gave ${kindOf(tensor)} as '${name}' of its ${what}, expected a tensor: ` +
          "{ datatype, shape, data } with the bytes as a Uint8Array, as Tensor.from, fromBooleans, fromStrings and fromBytes give it"
      )
    }
  }
  return entries as ReadonlyArray<readonly [string, NamedTensor]>
}

const parametersOf = (given: Result["parameters"]): ReadonlyMap<string, Parameter> | undefined => {
  if (given === undefined) return undefined
  const parameters = new Map(Object.entries(given))
  for (const [name, value] of parameters) {
    const carried = typeof value === "string" || typeof value === "boolean" || typeof value === "bigint" ||
      typeof value === "number" && Number.isFinite(value)
    if (!carried) {
      throw new WrongModel(
        `the model gave ${
          kindOf(value)
        } as parameter '${name}', expected a text, a boolean, a bigint or a finite number`
      )
    }
  }
  return parameters.size === 0 ? undefined : parameters
}

/**
 * Reads what a run gave.
 *
 * Throws `WrongModel` for what is no tensor and for names that the config does not have.
 *
 * @category getters
 */
export const read = (answer: Answer, expected: Expected): Given => {
  if (typeof answer !== "object" || answer === null) {
    throw new WrongModel(
      `the model gave ${kindOf(answer)}, expected its outputs: a list of tensors, or an object by name`
    )
  }
  const result: Result = isResult(answer) ? answer : { outputs: answer }
  const tensors = new Map<string, NamedTensor>()
  for (const [name, tensor] of entriesOf(result.outputs, "outputs")) {
    if (!expected.outputs.has(name)) {
      throw new WrongModel(
        `the model gave an output '${name}', which its config does not have: it has '${
          [...expected.outputs.keys()].join("', '")
        }'`
      )
    }
    tensors.set(name, tensor)
  }
  for (const [name, tensor] of result.states === undefined ? [] : entriesOf(result.states, "states")) {
    if (expected.states.length === 0) {
      throw new WrongModel(
        `unable to add state '${name}'. State configuration is missing for model '${expected.model}'.`
      )
    }
    if (!expected.stateNames.has(name)) throw new WrongModel(`state '${name}' is not a valid state name.`)
    tensors.set(name, tensor)
  }
  return { tensors, parameters: parametersOf(result.parameters) }
}

const text = (shape: ReadonlyArray<number>) => `[${shape.join(",")}]`

/** Fails where a tensor is not what its spec says with `rows` rows along `axis`. Throws `WrongModel`. @category validation */
export const check = (spec: TensorSpec, axis: number, rows: number, { data, datatype, shape }: NamedTensor): void => {
  const what = `the model gave '${spec.name}'`
  if (datatype !== spec.datatype) throw new WrongModel(`${what} as ${datatype}, its config says ${spec.datatype}`)
  const wrong = shape.length !== spec.shape.length ||
    shape.some((dim, i) => !Number.isSafeInteger(dim) || dim < 0 || dim !== spec.shape[i] && spec.shape[i] !== -1)
  if (wrong) {
    throw new WrongModel(`${what} in the shape ${text(shape)}, expected ${text(spec.shape)} where -1 is any size`)
  }
  if (axis >= 0 && rows >= 0 && shape[axis] !== rows) {
    throw new WrongModel(
      `${what} with ${shape[axis]} rows (shape ${
        text(shape)
      }, dimension ${axis}), expected ${rows}, as many as the inputs have`
    )
  }
  const elements = shape.reduce((product, dim) => product * dim, 1)
  const size = DataType.byteSize(spec.datatype)
  if (size === 0) {
    const found = BytesElements.countWhole(data)
    if (found === elements) return
    throw new WrongModel(
      found === undefined
        ? `${what} with bytes that end within an element: each is a 4-byte length and that many bytes`
        : `${what} with ${found} elements, its shape ${text(shape)} has ${elements}`
    )
  }
  if (data.byteLength !== elements * size) {
    throw new WrongModel(
      `${what} with ${data.byteLength} bytes, its shape ${text(shape)} of ${spec.datatype} has ${elements * size}`
    )
  }
}
