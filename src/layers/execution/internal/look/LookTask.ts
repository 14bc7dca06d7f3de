/** What the thread that looks at models is asked, and what it says. Loaded by both threads. */
import type { OrtDataType } from "../../../../schema/DataType.ts"
import type { Found, NativeSettings } from "../Mailbox.ts"

/** An input to measure with, filled with zeros or with strings of the digit zero. @category models */
export interface MeasuredInput {
  readonly name: string
  readonly type: OrtDataType
  /** Its shape in each of the sizes that are measured. */
  readonly shapes: ReadonlyArray<ReadonlyArray<number>>
  /** Characters of each of its strings, in each of the sizes. Absent: it has none. */
  readonly stringLengths?: ReadonlyArray<number>
}

/** Opens a model, and says what the runtime says of it. @category models */
export interface Look {
  readonly _tag: "Look"
  readonly path: string
  readonly settings: NativeSettings
}

/** Opens a model and runs it a few dozen times in each size. @category models */
export interface Measure {
  readonly _tag: "Measure"
  readonly path: string
  readonly settings: NativeSettings
  readonly inputs: ReadonlyArray<MeasuredInput>
  readonly outputs: ReadonlyArray<string>
  /** Opening it, or a first run, that takes more processor time ends the measurement. */
  readonly stopNanos: number
  /**
   * The sizes are one of them to be chosen, in ascending order: those after the first whose run takes longer than this are not measured,
   * and those that the runtime refuses take `Infinity`, unless it refuses all. Absent: each is measured.
   */
  readonly limitNanos?: number
}

/** What the thread is told; 0: to end. @category models */
export type ToLooker = Look | Measure | 0

/** What a model takes. @category models */
export interface Measured {
  /** Processor time. */
  readonly openNanos: number
  /** Of a run in each size, as far as measured: what three of four runs take longer than. */
  readonly runNanos: ReadonlyArray<number>
}

/** What the thread says. @category models */
export type FromLooker =
  | { readonly _tag: "Seen"; readonly inputs: ReadonlyArray<Found>; readonly outputs: ReadonlyArray<Found> }
  | { readonly _tag: "Measured"; readonly measured: Measured }
  | { readonly _tag: "Refused"; readonly reason: string }
