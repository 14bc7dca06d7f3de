/**
 * Checks an ensemble against the final configs of the models that it consists of. The first line of a text is Triton's, the second
 * draws the way of the tensor.
 *
 * Source: scheduling §5.1, model-config §6.9.
 */
import { Result } from "effect"
import type { EnsembleScheduling, ModelConfig } from "../../schema/ModelConfig.ts"
import type { ModelSignature } from "../../schema/ModelSignature.ts"
import * as EnsembleExtensions from "./EnsembleExtensions.ts"
import * as Said from "./internal/Said.ts"
import * as TensorPath from "./TensorPath.ts"

type Step = EnsembleScheduling["step"][number]

const listed = (names: Iterable<string>): string => Array.from(names, (name) => `'${name}'`).join(", ")

class Checks {
  private readonly name: string
  private readonly steps: ReadonlyArray<Step>
  private readonly extensions: ReadonlyArray<EnsembleExtensions.StepExtensions>
  /** By ensemble tensor: whoever mentions it first says what it is. */
  private readonly said = new Map<string, Said.Said>()
  private readonly signature: ModelSignature

  constructor(
    name: string,
    signature: ModelSignature,
    steps: ReadonlyArray<Step>,
    extensions: ReadonlyArray<EnsembleExtensions.StepExtensions>
  ) {
    this.name = name
    this.signature = signature
    this.steps = steps
    this.extensions = extensions
    for (const io of [...signature.inputs, ...signature.outputs]) this.said.set(io.name, Said.inside(name, io))
  }

  *step(index: number, model: ModelSignature): Generator<string> {
    yield* this.batch(index, model)
    yield* this.inputs(index, model)
    yield* this.outputs(index, model)
  }

  /** What parameters say of tensors, once it is known what these are. */
  *parameters(index: number, model: ModelSignature | undefined): Generator<string> {
    const { condition, fanOut } = this.extensions[index]!
    const { input_map: inputs } = this.steps[index]!
    for (const { shapes, tensor } of fanOut) {
      const input = Object.entries(inputs).find(([, mapped]) => mapped === tensor)?.[0]
      const io = model?.inputByName.get(input ?? "")
      if (shapes === undefined || io === undefined) continue
      yield* this.mention(
        shapes,
        Said.shapesOf(`parameter '${EnsembleExtensions.fanOutPrefix}${index}'`, io, false),
        index
      )
    }
    if (condition === undefined) return
    const by = `parameter '${EnsembleExtensions.conditionPrefix}${index}'`
    yield* this.mention(condition.tensor, Said.condition(by, this.said.get(condition.tensor)), index)
  }

  private *batch(index: number, { maxBatchSize: own }: ModelSignature): Generator<string> {
    const { maxBatchSize } = this.signature
    if (own === 0 || own >= maxBatchSize) return
    yield `ensemble ${this.name} allows maximum batch size ${maxBatchSize}, but it contains model ` +
      `${this.steps[index]!.model_name} which only allows maximum batch size to be ${own}\n` +
      `in ${this.at(index)}: lower max_batch_size of the ensemble, or raise that of the model`
  }

  private *inputs(index: number, model: ModelSignature): Generator<string> {
    const { input_map: inputs, model_name: own } = this.steps[index]!
    const { fanOut } = this.extensions[index]!
    for (const [input, tensor] of Object.entries(inputs)) {
      const io = model.inputByName.get(input)
      if (io === undefined) {
        yield `in ensemble ${this.name}, ensemble tensor ${tensor} is mapping to non-existing input ${input} in model ${own}\n` +
          `${this.way(tensor, index)}, which has the inputs ${listed(model.inputByName.keys())}`
        return
      }
      const parts = fanOut.find((each) => each.tensor === tensor)
      const said = parts === undefined
        ? Said.plain(own, io)
        : parts.shapes === undefined
        ? Said.divided(own, io)
        : Said.flat(own, io, false)
      yield* this.mention(tensor, said, index)
    }
    for (const { name: input, optional } of model.inputs) {
      if (optional || Object.hasOwn(inputs, input)) continue
      yield `in ensemble ${this.name}, input ${input} in model ${own} is not mapped to any ensemble tensors\n` +
        `add it to the input_map of ${this.at(index)}, which has ${listed(Object.keys(inputs))}`
    }
  }

  private *outputs(index: number, model: ModelSignature): Generator<string> {
    const { model_name: own, output_map: outputs } = this.steps[index]!
    const { fanOut, gather } = this.extensions[index]!
    for (const [output, tensor] of Object.entries(outputs)) {
      const io = model.outputByName.get(output)
      if (io === undefined) {
        yield `in ensemble ${this.name}, ensemble tensor ${tensor} is mapped from non-existing output ${output} in model ` +
          `${own}\n${this.way(tensor)}: ${this.at(index)} has the outputs ${listed(model.outputNames)}`
        return
      }
      const shapes = gather.find((each) => each.tensor === tensor)?.shapes
      if (shapes !== undefined) {
        yield* this.mention(tensor, Said.flat(own, io, true))
        const by = `parameter '${EnsembleExtensions.gatherPrefix}${index}'`
        yield* this.mention(shapes, Said.shapesOf(by, io, true))
      } else yield* this.mention(tensor, fanOut.length > 0 ? Said.rows(own, io) : Said.plain(own, io))
    }
  }

  /** `reader`: the step that reads it; absent: one writes it. */
  private *mention(tensor: string, said: Said.Said, reader?: number): Generator<string> {
    const first = this.said.get(tensor)
    if (first === undefined || (first.shapes.length === 0 && first.datatype === said.datatype)) {
      this.said.set(tensor, said)
      return
    }
    const conflict = Said.conflict(first, said)
    if (conflict === undefined) return
    yield `in ensemble ${this.name}, ensemble tensor ${tensor}: ${conflict}\n${this.way(tensor, reader)}`
  }

  /** Where a tensor comes from and where it goes: to this step, or to the first that reads it. */
  private way(tensor: string, reader?: number): string {
    const to = reader ?? this.steps.findIndex(({ input_map: inputs }) => Object.values(inputs).includes(tensor))
    return TensorPath.draw([
      ...TensorPath.to(this.steps, tensor, undefined, this.extensions),
      ...(to === -1 ? [] : [this.at(to)])
    ])
  }

  private at(index: number): string {
    return TensorPath.stepName(this.steps, index)
  }
}

/**
 * Why the ensemble cannot run with these models, one for each step; what concerns a step whose model is not known yet is not looked
 * at.
 *
 * @category guards
 */
export const problemOf = (
  config: ModelConfig,
  signature: ModelSignature,
  models: ReadonlyArray<ModelSignature | undefined>
): string | undefined => {
  const ensemble = config.ensemble_scheduling
  if (ensemble === undefined) return undefined
  const extensions = EnsembleExtensions.read(config, ensemble)
  if (Result.isFailure(extensions)) return extensions.failure
  const checks = new Checks(config.name, signature, ensemble.step, extensions.success)
  for (const [index, model] of models.entries()) {
    if (model === undefined) continue
    for (const problem of checks.step(index, model)) return problem
  }
  for (const [index, model] of models.entries()) {
    for (const problem of checks.parameters(index, model)) return problem
  }
  return undefined
}
