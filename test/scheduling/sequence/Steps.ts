/** Steps of sequences and layouts for tests, and a model of running sums made of plain numbers. */
import { Exit } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import type { Prepared } from "../../../src/layers/scheduling/internal/QueueCore.ts"
import * as SequenceLayout from "../../../src/layers/scheduling/internal/sequence/SequenceLayout.ts"
import * as BatchAxis from "../../../src/schema/BatchAxis.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import { byteSize } from "../../../src/schema/DataType.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import type { SequenceState } from "../../../src/schema/SequenceState.ts"
import { elementCount } from "../../../src/schema/Shape.ts"
import type { Job } from "../../../src/services/Scheduler.ts"
import { floats, job, numbers, result } from "../Batches.ts"
import { queueOptions } from "../QueueOptions.ts"

export const memory = SharedTensorMemory.make()

/** A state of FP32 zeros unless told. */
export const state = (
  options: {
    readonly dims?: ReadonlyArray<number>
    readonly datatype?: DataType
    readonly batchAxis?: number
    readonly data?: Uint8Array
    readonly initialDims?: ReadonlyArray<number>
  } = {}
): SequenceState => {
  const { batchAxis = 0, datatype = "FP32", dims = [1] } = options
  const initialDims = options.initialDims ?? dims.map((dim) => dim === -1 ? 1 : dim)
  const size = datatype === "BYTES" ? 4 : byteSize(datatype)
  return {
    input: "STATE",
    output: "STATE_NEXT",
    datatype,
    dims,
    batchAxis,
    sameBuffer: false,
    initial: { dims: initialDims, data: options.data ?? new Uint8Array(elementCount(initialDims) * size) }
  }
}

/** A model of one FP32 input and output. */
export const draft = (more: Draft = {}): Draft => ({
  max_batch_size: 8,
  input: [{ name: "INPUT", data_type: "TYPE_FP32", dims: [1] }],
  output: [{ name: "OUTPUT", data_type: "TYPE_FP32", dims: [1] }],
  ...more
})

export const layoutOf = (
  states: ReadonlyArray<SequenceState>,
  config: Draft = draft()
): SequenceLayout.SequenceLayout => SequenceLayout.make({ ...queueOptions("m", config), states, memory })

/** A request of one row with this number, for a sequence. */
export const stepJob = (
  id: bigint | string,
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string> = ["OUTPUT"]
): Job => {
  const made = job(1, inputs, outputs)
  return {
    ...made,
    request: {
      id: "r",
      inputs,
      outputs: [],
      parameters: new Map(),
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: 0,
      sequence: { id, start: false, end: false }
    }
  }
}

export const member = (
  cell: SequenceLayout.StateCell,
  value: number,
  options: {
    readonly id?: bigint | string
    readonly start?: boolean
    readonly end?: boolean
    readonly outputs?: ReadonlyArray<string>
  } = {}
): SequenceLayout.Member => ({
  job: stepJob(options.id ?? 1n, [floats("INPUT", [1, 1], [value])], options.outputs),
  start: options.start ?? false,
  end: options.end ?? false,
  cell
})

export const named = ({ inputs }: Prepared, name: string): Tensor => inputs.find((input) => input.name === name)!

/** The state of a batch: each element of a row grown by the row's number. */
const sums = (input: Tensor, state: Tensor, batchAxis: number): Tensor => {
  const steps = numbers(input)
  const rows = batchAxis === BatchAxis.none ? 1 : state.shape[batchAxis]!
  const inner = batchAxis === BatchAxis.none
    ? elementCount(state.shape)
    : elementCount(state.shape.slice(batchAxis + 1))
  const values = numbers(state).map((value, index) => value + steps[Math.floor(index / inner) % rows]!)
  return floats("STATE_NEXT", state.shape, values)
}

/** What the model of running sums gives: OUTPUT is the last element of each row of the next state. */
export const ran = (prepared: Prepared, batchAxis = 0) => {
  const state = sums(named(prepared, "INPUT"), named(prepared, "STATE"), batchAxis)
  const rows = batchAxis === BatchAxis.none ? 1 : state.shape[batchAxis]!
  const inner = batchAxis === BatchAxis.none
    ? elementCount(state.shape)
    : elementCount(state.shape.slice(batchAxis + 1))
  const values = numbers(state)
  const last = values.length - rows * inner
  const output = floats(
    "OUTPUT",
    batchAxis === BatchAxis.none ? [1] : [rows, 1],
    Array.from({ length: rows }, (_, row) => values[last + (row + 1) * inner - 1]!)
  )
  return result(prepared.outputs.map((name) => name === "OUTPUT" ? output : { ...state, name }))
}

/** Runs members as one batch, as a queue does: what OUTPUT says to each. */
export const run = (
  layout: SequenceLayout.SequenceLayout,
  members: ReadonlyArray<SequenceLayout.Member | undefined>,
  batchAxis = 0
): ReadonlyArray<number> => {
  const prepared = layout.prepare(members)
  const shares = prepared.share(ran(prepared, batchAxis).value)
  prepared.release()
  return shares.map((exit) => {
    if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
    const value = numbers(exit.value.outputs[0]!)[0]!
    exit.value.release()
    return value
  })
}
