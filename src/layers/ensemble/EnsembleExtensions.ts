/**
 * What the parameters of an ensemble's config say of its steps beyond Triton: inputs that are divided into parts, outputs that are
 * gathered from them, and steps that run on a condition.
 */
import { Result } from "effect"
import type { EnsembleScheduling, ModelConfig } from "../../schema/ModelConfig.ts"

/** `galatea.fan_out.2`: ensemble tensors that step 2 gets in parts: `T`, or `T@S`. @category constants */
export const fanOutPrefix = "galatea.fan_out."
/** `galatea.gather.2`: ensemble tensors that step 2 writes flat, each with the shapes of its parts: `T@S`. @category constants */
export const gatherPrefix = "galatea.gather."
/** `galatea.max_fan_out.2`: parts that step 2 may be given for one request. @category constants */
export const maxFanOutPrefix = "galatea.max_fan_out."
/** `galatea.condition.2`: the BOOL ensemble tensor that says whether step 2 runs: `T`, or `!T`. @category constants */
export const conditionPrefix = "galatea.condition."

/** Parts that a step may be given where its config says nothing. @category constants */
export const defaultMaxFanOut = 1024

/** An ensemble tensor in parts. @category models */
export interface Parts {
  readonly tensor: string
  /** The ensemble tensor with the shape of each part. Absent: the parts are the rows of the first dimension. */
  readonly shapes: string | undefined
}

/** @category models */
export interface Condition {
  readonly tensor: string
  /** The step runs where the tensor is false. */
  readonly negated: boolean
}

/** What is said of one step. @category models */
export interface StepExtensions {
  /** Inputs that are divided; empty: the step is asked once. */
  readonly fanOut: ReadonlyArray<Parts>
  /** Outputs that are written flat. */
  readonly gather: ReadonlyArray<Parts>
  readonly maxFanOut: number
  readonly condition: Condition | undefined
}

/** Of a step that Triton knows as well. @category constants */
export const none: StepExtensions = { fanOut: [], gather: [], maxFanOut: defaultMaxFanOut, condition: undefined }

type Step = EnsembleScheduling["step"][number]
type Mutable = { -readonly [K in keyof StepExtensions]: StepExtensions[K] }

const quoted = (names: Iterable<string>): string => Array.from(names, (name) => `'${name}'`).join(", ")

/** Ensemble tensors that a step reads, each once. @category getters */
export const reads = (step: Step, { condition, fanOut }: StepExtensions): ReadonlySet<string> => {
  const names = new Set(Object.values(step.input_map))
  for (const { shapes } of fanOut) if (shapes !== undefined) names.add(shapes)
  if (condition !== undefined) names.add(condition.tensor)
  return names
}

/** Ensemble tensors that a step writes, in the order of its config. @category getters */
export const writes = (step: Step, { gather }: StepExtensions): ReadonlyArray<string> => [
  ...Object.values(step.output_map),
  ...gather.map(({ shapes }) => shapes!)
]

class Reader {
  readonly steps: ReadonlyArray<Step>
  readonly extensions: ReadonlyArray<Mutable>
  private readonly limited = new Set<number>()
  private readonly config: ModelConfig

  constructor(config: ModelConfig, steps: ReadonlyArray<Step>) {
    this.config = config
    this.steps = steps
    this.extensions = steps.map(() => ({ ...none }))
  }

  /** The first thing that is wrong. */
  problem(): string | undefined {
    const { parameters } = this.config
    for (const [prefix, read] of this.readers) {
      for (const key of Object.keys(parameters)) {
        if (!key.startsWith(prefix)) continue
        const where = `parameter '${key}' of ensemble '${this.config.name}'`
        const text = key.slice(prefix.length)
        const index = /^\d+$/.test(text) ? Number(text) : -1
        if (index < 0 || index >= this.steps.length) {
          return `${where} names step '${text}', expected the index of a step: 0 to ${this.steps.length - 1}`
        }
        const why = read(index, parameters[key]!.string_value.trim())
        if (why !== undefined) return `${where} ${why}`
      }
    }
    return this.disagreement()
  }

  private readonly readers: ReadonlyArray<readonly [string, (step: number, text: string) => string | undefined]> = [
    [fanOutPrefix, (step, text) => this.fanOut(step, text)],
    [gatherPrefix, (step, text) => this.gather(step, text)],
    [maxFanOutPrefix, (step, text) => this.maxFanOut(step, text)],
    [conditionPrefix, (step, text) => this.condition(step, text)]
  ]

  private fanOut(index: number, text: string): string | undefined {
    const inputs = new Set(Object.values(this.steps[index]!.input_map))
    const fanOut: Array<Parts> = []
    for (const part of text.split(",").map((each) => each.trim())) {
      const { shapes, tensor } = split(part, inputs)
      if (!inputs.has(tensor)) {
        return `names '${tensor}', which is no input of ${this.at(index)}: its inputs are ${quoted(inputs)}`
      }
      if (fanOut.some((other) => other.tensor === tensor)) return `names '${tensor}' twice`
      fanOut.push({ tensor, shapes })
    }
    this.extensions[index]!.fanOut = fanOut
    return undefined
  }

  private gather(index: number, text: string): string | undefined {
    const outputs = new Set(Object.values(this.steps[index]!.output_map))
    const gather: Array<Parts> = []
    for (const part of text.split(",").map((each) => each.trim())) {
      const { shapes, tensor } = split(part, outputs)
      if (!outputs.has(tensor)) {
        return `names '${tensor}', which is no output of ${this.at(index)}: its outputs are ${quoted(outputs)}`
      }
      if (shapes === undefined) {
        return `names '${tensor}' without a tensor for the shapes of its parts: expected '${tensor}@‹shapes›'`
      }
      if (gather.some((other) => other.tensor === tensor)) return `names '${tensor}' twice`
      gather.push({ tensor, shapes })
    }
    this.extensions[index]!.gather = gather
    return undefined
  }

  private maxFanOut(index: number, text: string): string | undefined {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (value < 1) return `is '${text}', expected a whole number from 1 to 999999999`
    this.extensions[index]!.maxFanOut = value
    this.limited.add(index)
    return undefined
  }

  private condition(index: number, text: string): string | undefined {
    const negated = text.startsWith("!")
    const tensor = negated ? text.slice(1).trim() : text
    if (tensor === "") return `is '${text}', expected the name of a BOOL ensemble tensor, or '!' and its name`
    this.extensions[index]!.condition = { tensor, negated }
    return undefined
  }

  /** What is wrong with parameters that are fine each by itself. */
  private disagreement(): string | undefined {
    const known = new Set(this.config.input.map(({ name }) => name))
    this.steps.forEach((step, index) => writes(step, this.extensions[index]!).forEach((name) => known.add(name)))
    for (const [index, { condition, fanOut, gather }] of this.extensions.entries()) {
      const unknown = (prefix: string, tensor: string) =>
        `parameter '${prefix}${index}' of ensemble '${this.config.name}' names '${tensor}', which is neither an input of ` +
        "the ensemble nor written by a step"
      for (const { shapes } of fanOut) {
        if (shapes !== undefined && !known.has(shapes)) return unknown(fanOutPrefix, shapes)
      }
      if (condition !== undefined && !known.has(condition.tensor)) return unknown(conditionPrefix, condition.tensor)
      if (fanOut.length > 0) continue
      const alone = gather.length > 0 ? gatherPrefix : this.limited.has(index) ? maxFanOutPrefix : undefined
      if (alone !== undefined) {
        return `parameter '${alone}${index}' of ensemble '${this.config.name}' means nothing without '${fanOutPrefix}${index}', ` +
          `which says what ${this.at(index)} gets in parts`
      }
    }
    return undefined
  }

  private at(index: number): string {
    return `step ${index} (model '${this.steps[index]!.model_name}')`
  }
}

/** `T@S`; a name of the step that has an `@` in it is that name. */
const split = (text: string, names: ReadonlySet<string>): Parts => {
  const at = names.has(text) ? -1 : text.lastIndexOf("@")
  return at === -1 ? { tensor: text, shapes: undefined } : { tensor: text.slice(0, at), shapes: text.slice(at + 1) }
}

/** What is said of each step, or the first thing that is wrong, as a sentence. @category constructors */
export const read = (
  config: ModelConfig,
  { step }: EnsembleScheduling
): Result.Result<ReadonlyArray<StepExtensions>, string> => {
  const reader = new Reader(config, step)
  const problem = reader.problem()
  return problem === undefined ? Result.succeed(reader.extensions) : Result.fail(problem)
}
