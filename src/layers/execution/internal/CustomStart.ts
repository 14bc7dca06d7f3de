/** What the worker of a custom model is started with, and what it is told. Loaded by both sides. */
import type { LogLevel } from "effect"
import type { Instance } from "../../../schema/CustomModel.ts"
import type { PlannedState, SequenceEnd, TensorSpec } from "../../../services/Executor.ts"
import type { LogBounds } from "./CustomLog.ts"
import type { RunStart } from "./Mailbox.ts"

/** @category models */
export interface CustomStart {
  readonly path: string
  readonly instance: Instance
  /** Where each input has the batch, `BatchAxis.none` for inputs without. */
  readonly inputAxes: ReadonlyArray<number>
  readonly outputs: ReadonlyArray<TensorSpec>
  readonly outputAxes: ReadonlyArray<number>
  readonly states: ReadonlyArray<PlannedState>
  /** What the model logs below it is nobody's concern. */
  readonly minimumLogLevel: LogLevel.LogLevel
  readonly log: LogBounds
  readonly run: Pick<RunStart, "inputs" | "outputs">
}

/** The same for a thread. @category models */
export interface CustomThreadStart extends CustomStart {
  readonly run: RunStart
}

/** What main tells the worker by a message; what is asked for in the mailbox: 0. @category models */
export type ToCustomWorker =
  | 0
  | { readonly _tag: "SequenceEnded"; readonly id: bigint | string; readonly why: SequenceEnd }
