/** The graph that a plan stands for, and what its tensors are: pure functions, and the config of an ensemble that says the same. */
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import type { DagPlan } from "./DagPlan.ts"

export interface GraphStep {
  readonly index: number
  /** Names of tensors, each once. */
  readonly reads: ReadonlyArray<string>
  readonly optional: ReadonlyArray<boolean>
  /** Tensors of marks; `decision` is its BOOL tensor. */
  readonly writes: ReadonlyArray<string>
  readonly decision: string | undefined
  readonly condition: { readonly tensor: string; readonly negated: boolean } | undefined
  readonly divides: boolean
}

export interface Graph {
  readonly inputs: ReadonlyArray<string>
  readonly steps: ReadonlyArray<GraphStep>
  readonly outputs: ReadonlyArray<string>
}

export const flag = "F"

/** The graph: a step reads what comes before it, so it has no circles. */
export const make = (plan: DagPlan): Graph => {
  const inputs = Array.from({ length: plan.inputs }, (_, index) => `I${index}`)
  const marks = inputs.slice()
  const flags = [flag]
  const steps = plan.steps.map((step, index): GraphStep => {
    const reads = [...new Set(step.reads.map((pick) => marks[pick % marks.length]!))]
    const condition = step.condition === undefined
      ? undefined
      : { tensor: flags[step.condition % flags.length]!, negated: step.negated }
    const writes = Array.from({ length: step.writes }, (_, output) => `T${index}_${output}`)
    marks.push(...writes)
    const decision = step.decides ? `B${index}` : undefined
    if (decision !== undefined && !step.divides) flags.push(decision)
    return {
      index,
      reads,
      optional: reads.map((_, place) => step.optional[place]! && !(step.divides && place === 0)),
      writes,
      decision: step.divides ? undefined : decision,
      condition,
      divides: step.divides
    }
  })
  const written = [...marks.slice(plan.inputs), ...flags.slice(1)]
  const outputs = written.filter((_, index) => plan.outputs[index % plan.outputs.length])
  return { inputs, steps, outputs: outputs.length === 0 ? [written.at(-1)!] : outputs }
}

const mix = (a: number, b: number): number => (Math.imul(a ^ b, 0x9e3779b1) ^ (a >>> 7)) >>> 1

/** What a model writes: for the same inputs always the same, none to three marks. */
export const marksOf = (step: number, output: number, inputs: ReadonlyArray<ReadonlyArray<number> | undefined>) => {
  let hash = mix(step + 1, output + 17)
  for (const input of inputs) {
    hash = mix(hash, input === undefined ? 3 : input.length + 5)
    for (const mark of input ?? []) hash = mix(hash, mark)
  }
  return hash
}
export const wholeOf = (step: number, output: number, inputs: ReadonlyArray<ReadonlyArray<number> | undefined>) => {
  const hash = marksOf(step, output, inputs)
  return Array.from({ length: hash % 4 }, (_, index) => mix(hash, index))
}
/** Of one part there is one mark. */
export const partOf = (step: number, output: number, inputs: ReadonlyArray<ReadonlyArray<number> | undefined>) => [
  marksOf(step, output, inputs)
]
export const decisionOf = (step: number, inputs: ReadonlyArray<ReadonlyArray<number> | undefined>): boolean =>
  marksOf(step, 99, inputs) % 2 === 1

const int32 = (name: string, optional = false) => ({ name, data_type: "TYPE_INT32" as const, dims: [-1], optional })
const bool = (name: string) => ({ name, data_type: "TYPE_BOOL" as const, dims: [1] })
const io = (name: string) => name.startsWith("B") || name === flag ? bool(name) : int32(name)

/** The config of the model of a step: inputs `x0`, `x1`, …, outputs `y0`, …, and `b`. */
export const modelConfig = (step: GraphStep): ModelConfig.ModelConfig =>
  ModelConfig.make({
    name: `m${step.index}`,
    input: step.reads.map((_, place) => int32(`x${place}`, step.optional[place])),
    output: [
      ...step.writes.map((_, output) => int32(`y${output}`)),
      ...(step.decision === undefined ? [] : [bool("b")])
    ]
  })

export const ensembleConfig = (graph: Graph, maxInflight: number): ModelConfig.ModelConfig => {
  const parameters: Record<string, { readonly string_value: string }> = {}
  for (const { condition, divides, index, reads } of graph.steps) {
    if (divides) parameters[`galatea.fan_out.${index}`] = { string_value: reads[0]! }
    if (condition === undefined) continue
    parameters[`galatea.condition.${index}`] = { string_value: `${condition.negated ? "!" : ""}${condition.tensor}` }
  }
  return ModelConfig.make({
    name: "e",
    platform: "ensemble",
    input: [...graph.inputs.map((name) => int32(name)), bool(flag)],
    output: graph.outputs.map(io),
    parameters,
    ensemble_scheduling: {
      max_inflight_requests: maxInflight,
      step: graph.steps.map((step) => ({
        model_name: `m${step.index}`,
        model_version: -1,
        input_map: Object.fromEntries(step.reads.map((name, place) => [`x${place}`, name])),
        output_map: Object.fromEntries([
          ...step.writes.map((name, output) => [`y${output}`, name] as const),
          ...(step.decision === undefined ? [] : [["b", step.decision] as const])
        ])
      }))
    }
  })
}
