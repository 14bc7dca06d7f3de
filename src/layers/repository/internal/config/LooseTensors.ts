/** Tensors of an ensemble that have one end only, which is what a misspelt name looks like. */
import type { EnsembleScheduling, ModelConfig } from "../../../../schema/ModelConfig.ts"
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import * as EnsembleExtensions from "../../../ensemble/EnsembleExtensions.ts"

/** Names that messages may suggest. */
export interface LooseTensors {
  /** What to say of an input of the ensemble that no step reads. */
  readonly ofInput: (name: string) => string
  /** What to say of an output of the ensemble that no step writes. */
  readonly ofOutput: (name: string) => string
  /** What to say of a tensor that a step reads, and nothing writes. */
  readonly ofRead: (name: string) => string
}

/** @internal */
export const find = (
  config: ModelConfig,
  { step: steps }: EnsembleScheduling,
  extensions: ReadonlyArray<EnsembleExtensions.StepExtensions>
): LooseTensors => {
  const read = new Map<string, number>()
  const written = new Map<string, number>()
  for (const [index, step] of steps.entries()) {
    const said = extensions[index] ?? EnsembleExtensions.none
    for (const name of EnsembleExtensions.reads(step, said)) if (!read.has(name)) read.set(name, index)
    for (const name of EnsembleExtensions.writes(step, said)) written.set(name, index)
  }
  const inputs = new Set(config.input.map(({ name }) => name))
  const outputs = new Set(config.output.map(({ name }) => name))
  const unwritten = new Map([...read].filter(([name]) => !written.has(name) && !inputs.has(name)))
  const unread = new Map([...written].filter(([name]) => !read.has(name) && !outputs.has(name)))
  const hint = (name: string, loose: ReadonlyMap<string, number>, verb: string, lack: string): string => {
    const near = nearest(name, loose.keys())
    const [tensor, index] = near === undefined ? [...loose][0] ?? [] : [near, loose.get(near)!]
    if (tensor === undefined || index === undefined) return ""
    const question = near === undefined ? "" : `: did you mean '${name}'?`
    return `; step ${index} (model '${steps[index]!.model_name}') ${verb} '${tensor}', which nothing ${lack}${question}`
  }
  return {
    ofInput: (name) => hint(name, unwritten, "reads", "writes"),
    ofOutput: (name) => hint(name, unread, "writes", "reads"),
    ofRead: (name) => {
      const others = (tensors: Iterable<string>) =>
        [...tensors].filter((tensor) => written.get(tensor) !== read.get(name))
      const near = nearest(name, others(unread.keys())) ?? nearest(name, [...inputs, ...others(written.keys())])
      return near === undefined ? "" : `: did you mean '${near}'?`
    }
  }
}
