/**
 * A tensor that the server keeps for a sequence between its steps: an output of one step that is an input of the next, and that
 * clients neither send nor, unless the config lists it among the outputs, see.
 *
 * Source: scheduling §4.8.
 */
import type { DataType } from "./DataType.ts"
import { ownTensor, type SignatureTensor } from "./ModelSignature.ts"

/** @category models */
export interface SequenceState {
  /** Name of the model's input. */
  readonly input: string
  /** Name of the model's output. */
  readonly output: string
  readonly datatype: DataType
  /** The config's `dims`, without the batch dimension; -1 where any size is allowed. */
  readonly dims: ReadonlyArray<number>
  /** The dimension of the model's tensor that carries the batch, `BatchAxis.none` where none does. */
  readonly batchAxis: number
  /** The run writes into what it has read. */
  readonly sameBuffer: boolean
  /** What a sequence starts with. */
  readonly initial: {
    /** As `dims`, complete. */
    readonly dims: ReadonlyArray<number>
    /** Binary form of one row. Read by all sequences, written by none. */
    readonly data: Uint8Array
  }
}

/** A state as an input of the model. @category getters */
export const inputOf = (state: SequenceState): SignatureTensor => ownTensor({ ...state, name: state.input })

/** A state as an output of the model. @category getters */
export const outputOf = (state: SequenceState): SignatureTensor => ownTensor({ ...state, name: state.output })
