/**
 * What the module of a custom model exports, and what it is given.
 *
 * `export default` a {@link Run}; or `export const make`, a {@link Make}, where something has to be made ready first. Beside either,
 * `export const onSequenceEnd`, an {@link OnSequenceEnd}.
 */
import type { Effect, Scope } from "effect"
import type { Parameter, Tensor } from "./Inference.ts"

/** Why a run or a setup did not succeed; the message goes to the client. @category models */
export interface Failure {
  readonly message: string
}

/** A tensor beside its name. `data` is copied before the next run. @category models */
export type NamedTensor = Omit<Tensor, "name">

/** Tensors with their names, in a list or by name. @category models */
export type Tensors = ReadonlyArray<Tensor> | Readonly<Record<string, NamedTensor>>

/** The inputs of a run by name: lent until the run completes, and not to be written to. @category models */
export type Inputs = Readonly<Record<string, Tensor>>

/** What a run may give beside its outputs. @category models */
export interface Result {
  /** Outputs of the config. One that is left out is missing in the answer. */
  readonly outputs: Tensors
  /** New values of states, by the `output_name` of each. One that is left out stays as it was. */
  readonly states?: Tensors
  /** Parameters of the answer, to everyone whose request was in the batch. */
  readonly parameters?: Readonly<Record<string, Parameter>>
}

/** The instance that a module was loaded for. @category models */
export interface Instance {
  readonly model: string
  readonly version: number
  /** Name of the instance, such as `tokens_0_1`. */
  readonly instance: string
  /** Absolute path of the folder that the module lies in. */
  readonly directory: string
  /** The `parameters` of the config. */
  readonly parameters: Readonly<Record<string, string>>
}

/** @category models */
export interface Context extends Instance {
  /** Names of the outputs that somebody waits for; others may be left out. */
  readonly outputs: ReadonlyArray<string>
}

/** @category models */
export type Answer = Tensors | Result

/**
 * Runs the model over one batch. Shapes have the batch dimension where the config has `max_batch_size`, and outputs must have as many
 * rows as the inputs.
 *
 * Fail with `InvalidRequest` where the input is at fault, with anything that has a message where it is not.
 *
 * @category models
 */
export type Run<E extends Failure = Failure> = (
  inputs: Inputs,
  context: Context
) => Effect.Effect<Answer, E> | Promise<Answer> | Answer

/** Makes the function that runs the model, once for each instance; the scope closes with the instance. @category models */
export type Make<E extends Failure = Failure> = (instance: Instance) => Effect.Effect<Run, E, Scope.Scope>

/** Hears that a sequence is no more; never while something runs. @category models */
export type OnSequenceEnd = (
  id: bigint | string,
  why: "finished" | "cancelled" | "expired" | "lost" | "unloaded"
) => Effect.Effect<void> | Promise<void> | void
