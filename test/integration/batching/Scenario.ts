/** What a table of batching scenarios says: a model, requests at times, and what becomes of them. */
import type * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import type { Counts } from "../../../src/services/Statistics.ts"

/** The model, and how it computes. */
export interface ModelledModel {
  readonly config: Omit<ModelConfig.Draft, "name">
  /** Execution instances. Default: 1. */
  readonly instances?: number
  /** Virtual milliseconds of a run on an instance, numbered in the order of their first run. Default: 0. */
  readonly exec?: (instance: number) => number
  /** Runs that an instance takes at once: those that have not begun lie ready. Default: 1. */
  readonly places?: number
  /**
   * Output by output, an element out of the elements of the inputs in the order of the config; those left out count as 0.
   * `lengths`: the output has a row for each request, with the elements of its ragged input. `sums`: the sum of a sequence so far, of
   * its lengths where its input is ragged; control inputs are called START, END, READY and CORRID. Default: `{ OUTPUT0: (x) => x }`.
   */
  readonly compute?: Readonly<Record<string, (...values: ReadonlyArray<number>) => number>> | "lengths" | "sums"
}

export interface Request {
  /** Milliseconds after the start at which it arrives; those of the same time arrive in the order of the table. */
  readonly at: number
  readonly rows: number
  /** Without the batch dimension. Default: the `dims` of the config. */
  readonly shape?: ReadonlyArray<number>
  /** Names of the inputs that it gives. Default: all. */
  readonly inputs?: ReadonlyArray<string>
  /** Names of the outputs that it asks for, in this order. Default: none, which means all. */
  readonly outputs?: ReadonlyArray<string>
  readonly priority?: number | bigint
  /** Microseconds. */
  readonly timeout?: number
  /** Milliseconds after its arrival from which nobody waits for it, as its front end tells the scheduler. */
  readonly deadline?: number
  /** The step of a sequence that it is. */
  readonly sequence?: { readonly id: number | string; readonly start?: boolean; readonly end?: boolean }
  /** Milliseconds after the start at which its client goes away while it waits. */
  readonly goneAt?: number
}

/**
 * What a client gets, and when, in milliseconds after the start: its outputs, the text of an error with its status, or nothing because it
 * went away.
 */
export type Answer =
  | number
  | { readonly at: number; readonly error: string; readonly status: number }
  | "gone"

export interface Scenario {
  /** As in the reference: scheduling §11; those beyond it have no number. A letter tells forms apart. */
  readonly number: string
  readonly idea: string
  readonly model: ModelledModel
  /** Requests that must wait before the first instance is given to the scheduler. Default: 0. */
  readonly hold?: number
  /** A policy of its own in place of the config's. */
  readonly policy?: "rows of 96 bytes" | "one request"
  readonly requests: ReadonlyArray<Request>
  /** One for each request. */
  readonly answers: ReadonlyArray<Answer>
  /** Who is in each execution, as the control inputs say: the id of each row, after `^` at a START, before `$` at an END, `-` for padding. */
  readonly members?: ReadonlyArray<string>
  /** Executions by their rows. */
  readonly executions: Readonly<Record<number, number>>
  /** Requests that succeeded, and their rows. */
  readonly counts: readonly [succeeded: number, inferences: number]
  /** Reasons and number of failures. Default: none. */
  readonly failures?: Partial<Counts["failures"]>
  /** Requests turned away because the queue was full. Default: 0. */
  readonly refused?: number
  /** Requests waiting, by milliseconds after the start. */
  readonly waiting?: Readonly<Record<number, number>>
}
