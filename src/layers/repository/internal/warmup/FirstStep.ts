/**
 * What a run takes besides the inputs of clients where no queue is there to add it: each of its rows begins and ends a sequence of its
 * own, with the initial states.
 */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import * as ModelSignature from "../../../../schema/ModelSignature.ts"
import * as SequenceControls from "../../../../schema/SequenceControls.ts"
import * as SequenceState from "../../../../schema/SequenceState.ts"
import { elementCount } from "../../../../schema/Shape.ts"
import { repeat } from "./WarmupData.ts"

/** The version that is run. @category models */
export interface Target {
  readonly config: ModelConfig
  readonly signature: ModelSignature.ModelSignature
  readonly states: ReadonlyArray<SequenceState.SequenceState>
}

/** Whose step it is said to be. */
const id = 1n

const controlOf = (control: SequenceControls.SequenceControl, batched: boolean, rows: number): Tensor => {
  const { datatype, kind, name, yes } = control
  const row = kind === "CORRID" ? SequenceControls.encodeId(control, datatype === "BYTES" ? String(id) : id) : yes
  return {
    name,
    datatype,
    shape: batched ? [rows, 1] : [1],
    data: repeat({ datatype, elements: 1, rows: batched ? rows : 1, blocks: 1 }, row)
  }
}

const stateOf = ({ batchAxis, datatype, initial, input }: SequenceState.SequenceState, rows: number): Tensor => {
  const batched = batchAxis !== BatchAxis.none
  const { data, dims } = initial
  return {
    name: input,
    datatype,
    shape: BatchAxis.insert(dims, batchAxis, rows),
    data: !batched || rows === 1 ? data : repeat(
      { datatype, elements: elementCount(dims), rows, blocks: elementCount(dims.slice(0, batchAxis)) },
      data
    )
  }
}

/** Bytes that the states of so many rows have. @category getters */
export const stateBytes = ({ states }: Target, rows: number): number =>
  states.reduce((sum, { initial }) => sum + initial.data.byteLength * rows, 0)

/** The controls and states of so many rows, without those that are called `given`. @category constructors */
export const tensors = (
  { config, signature, states }: Target,
  rows: number,
  given: (name: string) => boolean = () => false
): ReadonlyArray<Tensor> => [
  ...SequenceControls.of(config)
    .filter(({ name }) => !given(name))
    .map((control) => controlOf(control, signature.maxBatchSize > 0, rows)),
  ...states.filter(({ input }) => !given(input)).map((state) => stateOf(state, rows))
]

/** What the model itself takes and gives. @category getters */
export const signatureOf = ({ config, signature, states }: Target): ModelSignature.ModelSignature =>
  ModelSignature.extend(
    signature,
    [
      ...SequenceControls.of(config).map((control) => SequenceControls.tensorOf(control, signature.maxBatchSize > 0)),
      ...states.map(SequenceState.inputOf)
    ],
    states.map(SequenceState.outputOf)
  )
