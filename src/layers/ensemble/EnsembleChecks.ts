/**
 * Checks an ensemble against the final configs of the models that it consists of. The first line of a text is Triton's, the second
 * draws the way of the tensor.
 *
 * Source: scheduling §5.1, model-config §6.9.
 */
import { type DataType, fromName } from "../../schema/DataType.ts"
import type { EnsembleScheduling, ModelConfig } from "../../schema/ModelConfig.ts"
import type { ModelSignature, SignatureTensor } from "../../schema/ModelSignature.ts"
import * as TensorPath from "./internal/TensorPath.ts"

type Step = EnsembleScheduling["step"][number]

/** What one model says of a tensor. */
interface Said {
  readonly model: string
  readonly datatype: DataType
  readonly dims: ReadonlyArray<number>
  readonly shape: ReadonlyArray<number>
}

const toConfigName = (datatype: DataType): string => fromName(datatype)!.configName

const matches = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i] || size === -1 || b[i] === -1)

/** What a model says of a tensor in the shapes of its clients, or, for the ensemble itself, of its steps. */
const said = (model: string, io: SignatureTensor, inside: boolean): Said => ({
  model,
  datatype: io.datatype,
  dims: inside && io.reshaped ? io.modelShape.filter((_, i) => i !== io.batchAxis) : io.dims,
  shape: inside ? io.modelShape : io.shape
})

/**
 * Why the ensemble cannot run with these models, by step; the steps of which nothing is known yet are not looked at.
 *
 * @category guards
 */
export const problemOf = (
  { ensemble_scheduling: ensemble, name }: ModelConfig,
  signature: ModelSignature,
  models: ReadonlyArray<ModelSignature | undefined>
): string | undefined => {
  const steps = ensemble?.step ?? []
  const known = new Map<string, Said>()
  for (const io of [...signature.inputs, ...signature.outputs]) known.set(io.name, said(name, io, true))
  for (const [index, step] of steps.entries()) {
    const model = models[index]
    const problem = model === undefined
      ? undefined
      : batchProblem(name, signature, step, model, index) ?? inputProblem(name, steps, index, model, known) ??
        outputProblem(name, steps, index, model, known)
    if (problem !== undefined) return problem
  }
  return undefined
}

const batchProblem = (
  name: string,
  { maxBatchSize }: ModelSignature,
  { model_name: model }: Step,
  { maxBatchSize: own }: ModelSignature,
  index: number
): string | undefined =>
  own > 0 && own < maxBatchSize
    ? `ensemble ${name} allows maximum batch size ${maxBatchSize}, but it contains model ${model} which only allows ` +
      `maximum batch size to be ${own}\nin step ${index}: lower max_batch_size of the ensemble, or raise that of the model`
    : undefined

const listed = (names: Iterable<string>): string => [...names].map((name) => `'${name}'`).join(", ")

const inputProblem = (
  name: string,
  steps: ReadonlyArray<Step>,
  index: number,
  model: ModelSignature,
  known: Map<string, Said>
): string | undefined => {
  const { input_map: inputs, model_name: own } = steps[index]!
  const step = TensorPath.stepName(steps, index)
  for (const [input, tensor] of Object.entries(inputs)) {
    const path = [...TensorPath.to(steps, tensor), step]
    const io = model.inputByName.get(input)
    if (io === undefined) {
      return `in ensemble ${name}, ensemble tensor ${tensor} is mapping to non-existing input ${input} in model ${own}\n` +
        `${TensorPath.draw(path)}, which has the inputs ${listed(model.inputByName.keys())}`
    }
    const problem = compare(name, tensor, said(own, io, false), known, path)
    if (problem !== undefined) return problem
  }
  for (const { name: input, optional } of model.inputs) {
    if (optional || Object.hasOwn(inputs, input)) continue
    return `in ensemble ${name}, input ${input} in model ${own} is not mapped to any ensemble tensors\n` +
      `add it to the input_map of ${step}, which has ${listed(Object.keys(inputs))}`
  }
  return undefined
}

const outputProblem = (
  name: string,
  steps: ReadonlyArray<Step>,
  index: number,
  model: ModelSignature,
  known: Map<string, Said>
): string | undefined => {
  const { model_name: own, output_map: outputs } = steps[index]!
  for (const [output, tensor] of Object.entries(outputs)) {
    const reader = steps.findIndex(({ input_map: inputs }) => Object.values(inputs).includes(tensor))
    const path = [...TensorPath.to(steps, tensor), ...(reader === -1 ? [] : [TensorPath.stepName(steps, reader)])]
    const io = model.outputByName.get(output)
    if (io === undefined) {
      return `in ensemble ${name}, ensemble tensor ${tensor} is mapped from non-existing output ${output} in model ${own}\n` +
        `${TensorPath.draw(path)}: ${TensorPath.stepName(steps, index)} has the outputs ${listed(model.outputNames)}`
    }
    const problem = compare(name, tensor, said(own, io, false), known, path)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Whoever mentions a tensor first says what it is. */
const compare = (
  name: string,
  tensor: string,
  own: Said,
  known: Map<string, Said>,
  path: ReadonlyArray<string>
): string | undefined => {
  const first = known.get(tensor)
  if (first === undefined) {
    known.set(tensor, own)
    return undefined
  }
  const text = (what: string, a: string, b: string) =>
    `in ensemble ${name}, ensemble tensor ${tensor}: inconsistent ${what}: ${a} is inferred from model ${first.model} ` +
    `while ${b} is inferred from model ${own.model}\n${TensorPath.draw(path)}`
  if (first.datatype !== own.datatype) {
    return text("data type", toConfigName(first.datatype), toConfigName(own.datatype))
  }
  return matches(first.dims, own.dims) || matches(first.shape, own.shape)
    ? undefined
    : text("shape", `[${first.shape.join()}]`, `[${own.shape.join()}]`)
}
