/** An inference as it travels, and how it is made of what the caller gave. Everything that can be wrong here is told before anything is sent. */
import { byteSize, type DataType } from "../../schema/DataType.ts"
import type { Parameter, RequestedOutput, SequenceStep, Tensor } from "../../schema/Inference.ts"
import { nearest } from "../../schema/proto/Suggestion.ts"
import { isLabel } from "../../schema/VersionLabel.ts"
import type { InferOptions, Sequence } from "../InferenceClient.ts"
import { InferenceServerError } from "../InferenceServerError.ts"
import type { ModelDescription, TensorDescription } from "../Models.ts"
import * as Elements from "./Elements.ts"

/** @internal */
export interface WireRequest {
  readonly model: string
  /** A number or a label; `""`: the version that the server chooses. */
  readonly version: string
  readonly id: string
  readonly inputs: ReadonlyArray<Tensor>
  /** Empty: all. */
  readonly outputs: ReadonlyArray<RequestedOutput>
  readonly parameters: ReadonlyArray<readonly [string, Parameter]>
  readonly priority: number
  readonly queueTimeoutMicros: number
  readonly sequence: SequenceStep | undefined
}

/** @internal */
export const invalid = (model: string, message: string): InferenceServerError =>
  new InferenceServerError(message, { code: "INVALID_ARG", request: `infer ${model}` })

/** @internal */
export const versionText = (version: string | number | undefined, request: string): string => {
  const text = version === undefined ? "" : String(version)
  if (/^\d*$/.test(text) || isLabel(text)) return text
  throw new InferenceServerError(`version ${JSON.stringify(version)} is no whole number from 0 on and no label`, {
    code: "INVALID_ARG",
    request
  })
}

/** The parameter of a load or unload of one version alone. @internal */
export const versionParameter = (
  version: string | number | undefined,
  model: string
): { readonly version?: string } => version === undefined ? {} : { version: versionText(version, model) }

/** The request of a call; `description` where the model is known. @internal */
export const make = (
  model: string,
  inputs: Readonly<Record<string, unknown>>,
  options: InferOptions,
  description: ModelDescription | undefined
): WireRequest => {
  if (description !== undefined) checkNames(model, inputs, description)
  const sequence = options.sequence
  return {
    model,
    version: versionText(options.version, `infer ${model}`),
    id: options.id ?? "",
    inputs: Object.entries(inputs).flatMap(([name, input]) =>
      input === undefined ? [] : [encodeInput(model, name, input, description?.inputs[name])]
    ),
    outputs: outputsOf(model, options.outputs, description),
    parameters: Object.entries(options.parameters ?? {}).map(([name, value]) => {
      checkParameter(model, name, value)
      return [name, value]
    }),
    priority: whole(model, "priority", options.priority),
    queueTimeoutMicros: whole(model, "queueTimeoutMicros", options.queueTimeoutMicros),
    sequence: sequence === undefined ? undefined : {
      id: sequenceId(model, sequence.id),
      start: sequence.start ?? false,
      end: sequence.end ?? false
    }
  }
}

const whole = (model: string, name: string, value: number | undefined): number => {
  if (value === undefined) return 0
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(model, `${name} is ${value}; it takes a whole number from 0 on`)
}

/** Integers have 64 bits without a sign. How long text may be is the server's to say. */
const sequenceId = (model: string, id: Sequence["id"]): bigint | string => {
  if (typeof id === "string") return id
  if (typeof id === "number" ? Number.isSafeInteger(id) && id >= 0 : BigInt.asUintN(64, id) === id) return BigInt(id)
  throw invalid(
    model,
    `sequence.id is ${id}; it takes text, or a whole number from 0 to 2^64 - 1 (a bigint above 2^53 - 1)`
  )
}

const checkParameter = (model: string, name: string, value: unknown): void => {
  const type = typeof value
  if (type === "string" || type === "boolean" || type === "bigint" || (type === "number" && Number.isFinite(value))) {
    return
  }
  throw invalid(
    model,
    `parameter '${name}' is ${String(value)}; it takes a string, a boolean, a bigint or a finite number`
  )
}

const quoted = (names: Iterable<string>): string => [...names].map((name) => `'${name}'`).join(", ")

const meant = (name: string, names: ReadonlyArray<string>): string => {
  const found = nearest(name, names)
  return found === undefined ? `it has ${quoted(names)}` : `did you mean '${found}'?`
}

const checkNames = (
  model: string,
  inputs: Readonly<Record<string, unknown>>,
  description: ModelDescription
): void => {
  const names = Object.keys(description.inputs)
  for (const name of Object.keys(inputs)) {
    if (!Object.hasOwn(description.inputs, name)) {
      throw invalid(model, `model '${model}' has no input '${name}'; ${meant(name, names)}`)
    }
  }
  const missing = names.filter((name) => inputs[name] === undefined && description.inputs[name]!.optional !== true)
  if (missing.length > 0) throw invalid(model, `model '${model}' needs ${quoted(missing)} too`)
}

interface Given {
  readonly datatype?: unknown
  readonly shape?: unknown
  readonly data: unknown
}

const isGiven = (input: unknown): input is Given =>
  typeof input === "object" && input !== null && !ArrayBuffer.isView(input) && "data" in input

const encodeInput = (
  model: string,
  name: string,
  input: unknown,
  description: TensorDescription | undefined
): Tensor => {
  const fail = (problem: string) => invalid(model, `input '${name}' of model '${model}' ${problem}`)
  const values = isGiven(input) ? input.data : input
  if (!ArrayBuffer.isView(values) && !Array.isArray(values)) {
    throw fail(`is of type ${Elements.className(values)}; give a typed array, an array, or { data, shape }`)
  }
  const said = isGiven(input) ? input.datatype : undefined
  if (said !== undefined && !Elements.isDatatype(said)) {
    throw fail(`has the datatype ${JSON.stringify(said)}; datatypes are ${Elements.datatypes.join(", ")}`)
  }
  const datatype = said ?? description?.datatype ?? Elements.datatypeOf(values)
  if (datatype === undefined) {
    throw fail("has plain numbers without a datatype; give a typed array, or { datatype, data, shape }")
  }
  const count = Elements.countOf(values as Elements.NumberArray)
  const shape = isGiven(input) && input.shape !== undefined ? checkShape(input.shape, fail) : [count]
  if (description !== undefined) checkDescription(datatype, shape, description, fail)
  checkCount(datatype, shape, count, fail)
  return { name, datatype, shape, data: Elements.encode(datatype, values, fail) }
}

const checkShape = (shape: unknown, fail: (problem: string) => Error): ReadonlyArray<number> => {
  if (!Array.isArray(shape) || !shape.every((size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw fail(`has the shape ${JSON.stringify(shape)}; a shape is a list of whole numbers from 0 on`)
  }
  if (shape.length === 0) {
    throw fail("has the shape []; the protocol has no tensors without dimensions, [1] is one element")
  }
  return shape as ReadonlyArray<number>
}

/** Number of elements of a shape. @internal */
export const elements = (shape: ReadonlyArray<number>): number => {
  let product = 1
  for (const size of shape) product *= size
  return product
}

const checkCount = (
  datatype: DataType,
  shape: ReadonlyArray<number>,
  count: number,
  fail: (problem: string) => Error
): void => {
  const needed = elements(shape)
  if (needed === count) return
  const bytes = byteSize(datatype)
  const raw = bytes > 1 && count === needed * bytes ? ": give a typed array of the elements, not their bytes" : ""
  throw fail(`has ${count} elements, and its shape [${shape.join(",")}] needs ${needed}${raw}`)
}

const checkDescription = (
  datatype: DataType,
  shape: ReadonlyArray<number>,
  description: TensorDescription,
  fail: (problem: string) => Error
): void => {
  if (datatype !== description.datatype) throw fail(`is ${description.datatype}, and was given as ${datatype}`)
  const expected = description.shape
  if (expected.length !== shape.length || expected.some((size, i) => size !== -1 && size !== shape[i])) {
    throw fail(`has the shape [${expected.join(",")}] (-1: any), and was given as [${shape.join(",")}]`)
  }
}

const outputsOf = (
  model: string,
  outputs: unknown,
  description: ModelDescription | undefined
): ReadonlyArray<RequestedOutput> => {
  if (outputs === undefined) return []
  if (!Array.isArray(outputs) || outputs.length === 0) {
    throw invalid(model, "outputs is no list of at least one output; leave it out to get all")
  }
  return outputs.map((output: unknown) => {
    const { classification = 0, name } = typeof output === "string"
      ? { name: output }
      : output as { readonly name: string; readonly classification?: number }
    if (description !== undefined && !Object.hasOwn(description.outputs, name)) {
      throw invalid(model, `model '${model}' has no output '${name}'; ${meant(name, Object.keys(description.outputs))}`)
    }
    return { name, classification: whole(model, `classification of '${name}'`, classification) }
  })
}
