/** The graph of an ensemble, by numbers: computed once from its config, so that a request finds what comes next without names. */
import { Result } from "effect"
import type { EnsembleScheduling, ModelConfig } from "../../schema/ModelConfig.ts"
import * as EnsembleExtensions from "./EnsembleExtensions.ts"

/** An input of a step's model. @category models */
export interface StepInput {
  readonly name: string
  /** The ensemble tensor that it gets. */
  readonly tensor: number
  /** It is given in parts. */
  readonly divided: boolean
  /** The ensemble tensor with the shapes of the parts, -1 where they are rows. */
  readonly shapes: number
}

/** An output of a step's model. @category models */
export interface StepOutput {
  readonly name: string
  /** The ensemble tensor that it becomes. */
  readonly tensor: number
  /** The ensemble tensor that gets the shapes of the parts, -1 where they are rows. */
  readonly shapes: number
}

/** @category models */
export interface PlannedStep {
  readonly index: number
  readonly model: string
  /** As `ModelRepository.lookup` takes it. */
  readonly version: string
  readonly inputs: ReadonlyArray<StepInput>
  readonly outputs: ReadonlyArray<StepOutput>
  /** The ensemble tensors that must be settled before it runs. */
  readonly reads: ReadonlyArray<number>
  /** The steps that write them. */
  readonly sources: ReadonlyArray<number>
  /** It is asked once for each part of its divided inputs. */
  readonly divides: boolean
  /** Parts that one request may bring. */
  readonly maxParts: number
  readonly condition: { readonly tensor: number; readonly negated: boolean } | undefined
}

/** @category models */
export interface EnsemblePlan {
  readonly name: string
  readonly steps: ReadonlyArray<PlannedStep>
  /** Names of the ensemble tensors. */
  readonly tensors: ReadonlyArray<string>
  /** The step that writes each tensor, -1 for an input of the ensemble. */
  readonly writers: ReadonlyArray<number>
  /** The steps that read each tensor, ascending. */
  readonly readers: ReadonlyArray<ReadonlyArray<number>>
  readonly inputs: ReadonlyMap<string, number>
  readonly outputs: ReadonlyMap<string, number>
  /** Requests to one step that may be under way, over all requests of the ensemble; 0: any number. */
  readonly maxInflight: number
}

/** How messages name a step. @category formatting */
export const showStep = ({ index, model }: Pick<PlannedStep, "index" | "model">): string =>
  `step ${index}, model '${model}'`

/**
 * The plan of an ensemble whose config holds, see `ValidateEnsemble`; otherwise what is wrong with the parameters of its steps.
 *
 * @category constructors
 */
export const make = (
  config: ModelConfig,
  ensemble: EnsembleScheduling
): Result.Result<EnsemblePlan, string> => {
  const read = EnsembleExtensions.read(config, ensemble)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  const tensors: Array<string> = []
  const writers: Array<number> = []
  const byName = new Map<string, number>()
  const numberOf = (name: string): number => {
    let number = byName.get(name)
    if (number === undefined) {
      number = tensors.length
      byName.set(name, number)
      tensors.push(name)
      writers.push(-1)
    }
    return number
  }
  const inputs = new Map(config.input.map(({ name }) => [name, numberOf(name)]))
  const outputs = new Map(config.output.map(({ name }) => [name, numberOf(name)]))
  ensemble.step.forEach((step, index) => {
    for (const name of EnsembleExtensions.writes(step, read.success[index]!)) writers[numberOf(name)] = index
  })
  const steps = ensemble.step.map((step, index): PlannedStep => {
    const extensions = read.success[index]!
    const { condition, fanOut, gather } = extensions
    const shapesOf = (parts: ReadonlyArray<EnsembleExtensions.Parts>, tensor: string): number => {
      const shapes = parts.find((each) => each.tensor === tensor)?.shapes
      return shapes === undefined ? -1 : numberOf(shapes)
    }
    const reads = Array.from(EnsembleExtensions.reads(step, extensions), numberOf)
    return {
      index,
      model: step.model_name,
      version: step.model_version === -1 ? "" : String(step.model_version),
      inputs: Object.entries(step.input_map).map(([name, tensor]) => ({
        name,
        tensor: numberOf(tensor),
        divided: fanOut.some((each) => each.tensor === tensor),
        shapes: shapesOf(fanOut, tensor)
      })),
      outputs: Object.entries(step.output_map).map(([name, tensor]) => ({
        name,
        tensor: numberOf(tensor),
        shapes: shapesOf(gather, tensor)
      })),
      reads,
      sources: [...new Set(reads.map((tensor) => writers[tensor]!))].filter((writer) => writer !== -1),
      divides: fanOut.length > 0,
      maxParts: extensions.maxFanOut,
      condition: condition === undefined
        ? undefined
        : { tensor: numberOf(condition.tensor), negated: condition.negated }
    }
  })
  const readers = tensors.map(() => [] as Array<number>)
  for (const { index, reads } of steps) for (const tensor of reads) readers[tensor]!.push(index)
  return Result.succeed({
    name: config.name,
    steps,
    tensors,
    writers,
    readers,
    inputs,
    outputs,
    maxInflight: ensemble.max_inflight_requests
  })
}
