/**
 * The model of the simulation: it adds up the values of a sequence and says whose sequence that is, by the state that it is given,
 * or by what the instance has kept. Each row carries its owner's mark.
 */
import * as BatchAxis from "../../../src/schema/BatchAxis.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import type { SequenceState } from "../../../src/schema/SequenceState.ts"
import type { Machine, Run } from "../Machines.ts"
import { unit } from "../Plan.ts"
import type { SequencePlan } from "./SequencePlan.ts"

const micros = unit / 1000

/** Microseconds within a unit at which things of a kind happen, so that no two kinds happen at once. */
export const offset = {
  cancel: 1,
  delay: 3,
  deadline: 10,
  timeout: 20,
  idle: 15,
  run: 40,
  end: 70,
  close: 80,
  drain: 90
}

export const microsOf = (units: number, kind: keyof typeof offset): number => units * micros + offset[kind]

const control = (name: string, kind: string, values: object) => ({ name, control: [{ kind, ...values }] })

/** The config that a plan stands for. */
export const configOf = (plan: SequencePlan): ModelConfig.ModelConfig =>
  ModelConfig.make({
    name: "m",
    max_batch_size: plan.maxBatchSize,
    input: [{ name: "X", data_type: "TYPE_INT64", dims: [-1] }],
    output: [{ name: "Y", data_type: "TYPE_INT64", dims: [4] }],
    sequence_batching: {
      max_sequence_idle_microseconds: BigInt(microsOf(plan.idle, "idle")),
      control_input: [
        control("START", "CONTROL_SEQUENCE_START", { int32_false_true: [0, 1] }),
        control("END", "CONTROL_SEQUENCE_END", { bool_false_true: [false, true] }),
        control("READY", "CONTROL_SEQUENCE_READY", { fp32_false_true: [0, 1] }),
        ...(plan.kind === "both" ? [] : [control("CORRID", "CONTROL_SEQUENCE_CORRID", {
          data_type: plan.kind === "text" ? "TYPE_STRING" : "TYPE_UINT64"
        })])
      ] as never,
      ...(plan.strategy === "direct"
        ? {
          direct: {
            max_queue_delay_microseconds: BigInt(plan.delay === 0 ? 0 : microsOf(plan.delay, "delay")),
            minimum_slot_utilization: plan.utilization
          }
        }
        : {
          oldest: {
            max_candidate_sequences: plan.candidates,
            preferred_batch_size: [...plan.preferred],
            max_queue_delay_microseconds: BigInt(plan.delay === 0 ? 0 : microsOf(plan.delay, "delay")),
            preserve_ordering: plan.preserveOrdering
          }
        })
    }
  })

/** Owner and sum. */
export interface State {
  readonly owner: number
  readonly sum: number
}

export const initial: State = { owner: 0, sum: 0 }

/** What a step makes of a state. */
export const next = (state: State, start: boolean, owner: number, value: number): State =>
  start ? { owner, sum: value } : { owner: state.owner, sum: state.sum + value }

/** States that the server keeps. */
export const statesOf = (plan: SequencePlan): ReadonlyArray<SequenceState> =>
  plan.stateful
    ? [{
      input: "S",
      output: "S2",
      datatype: "INT64",
      dims: [2],
      batchAxis: plan.maxBatchSize === 0 ? BatchAxis.none : 0,
      sameBuffer: false,
      initial: { dims: [2], data: new Uint8Array(16) }
    }]
    : []

const int64s = (name: string, shape: ReadonlyArray<number>, values: ReadonlyArray<number>): Tensor => ({
  name,
  datatype: "INT64",
  shape,
  data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
})

/** The input of a step. `number` is its own. */
export const input = (
  plan: SequencePlan,
  number: number,
  owner: number,
  value: number,
  extra: number,
  rows = 1
): Tensor => {
  const row = [number, owner, value, ...new Array<number>(extra).fill(7)]
  const values = Array.from({ length: rows }, () => row).flat()
  return int64s("X", plan.maxBatchSize === 0 ? [row.length] : [rows, row.length], values)
}

/** A tensor's numbers; it may lie anywhere in memory. */
const numbers = ({ data, datatype }: Tensor): ReadonlyArray<number> => {
  const { buffer } = data.slice()
  switch (datatype) {
    case "INT64":
      return Array.from(new BigInt64Array(buffer), Number)
    case "INT32":
      return [...new Int32Array(buffer)]
    case "FP32":
      return [...new Float32Array(buffer)]
    default:
      return [...new Uint8Array(buffer)]
  }
}

/** A row of a batch as the model sees it. */
export interface Row {
  /** Of its step; 0: of nobody. */
  readonly number: number
  readonly owner: number
  readonly value: number
  /** Elements of its input. */
  readonly width: number
  readonly start: boolean
  readonly end: boolean
  readonly ready: boolean
  /** `undefined`: the model is told none. */
  readonly id: bigint | string | undefined
  /** `undefined`: the server keeps none. */
  readonly state: State | undefined
}

/** The rows of a batch. */
export const rowsOf = (plan: SequencePlan, inputs: ReadonlyArray<Tensor>): ReadonlyArray<Row> => {
  const tensor = (name: string) => inputs.find((one) => one.name === name)!
  const x = tensor("X")
  const rows = plan.maxBatchSize === 0 ? 1 : x.shape[0]!
  const width = x.shape.at(-1)!
  const values = numbers(x)
  const [start, end, ready] = ["START", "END", "READY"].map((name) => numbers(tensor(name))) as [
    ReadonlyArray<number>,
    ReadonlyArray<number>,
    ReadonlyArray<number>
  ]
  const state = plan.stateful ? numbers(tensor("S")) : []
  const corrid = plan.kind === "both" ? undefined : tensor("CORRID")
  const ids: ReadonlyArray<bigint | string> = corrid === undefined
    ? []
    : plan.kind === "text"
    ? textsOf(corrid.data)
    : [...new BigUint64Array(corrid.data.slice().buffer)]
  return Array.from({ length: rows }, (_, row): Row => ({
    number: values[row * width]!,
    owner: values[row * width + 1]!,
    value: values[row * width + 2]!,
    width,
    start: start[row] === 1,
    end: end[row] === 1,
    ready: ready[row] === 1,
    id: ids[row],
    state: plan.stateful ? { owner: state[row * 2]!, sum: state[row * 2 + 1]! } : undefined
  }))
}

const textsOf = (data: Uint8Array): ReadonlyArray<string> => {
  const texts: Array<string> = []
  const bytes = Buffer.from(data)
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32LE(at)
    texts.push(bytes.toString("utf8", at + 4, end))
    at = end
  }
  return texts
}

/** What an instance keeps, by the row of the batch or by the id, where the server keeps nothing. */
const kept = new WeakMap<Machine, Map<number | bigint | string, State>>()

/** Runs a batch. */
export const outputsOf = (plan: SequencePlan, { inputs, machine }: Run): ReadonlyArray<Tensor> => {
  const memory = kept.get(machine) ?? new Map<number | bigint | string, State>()
  kept.set(machine, memory)
  const rows = rowsOf(plan, inputs)
  const states = rows.map((row, index) => {
    const key = plan.strategy === "direct" ? index : row.id!
    const state = row.state ?? memory.get(key) ?? initial
    const after = next(state, row.start, row.owner, row.value)
    if (row.ready && row.state === undefined) memory.set(key, after)
    return after
  })
  const batch = plan.maxBatchSize === 0 ? [] : [rows.length]
  return [
    int64s(
      "Y",
      [...batch, 4],
      rows.flatMap((row, i) => [row.number, states[i]!.owner, states[i]!.sum, Number(row.start)])
    ),
    ...(plan.stateful ? [int64s("S2", [...batch, 2], states.flatMap(({ owner, sum }) => [owner, sum]))] : [])
  ]
}

/** What a step was answered: its number, and the state after it. */
export const answerOf = (outputs: ReadonlyArray<Tensor>): State & { readonly number: number } => {
  const [number = -1, owner = -1, sum = -1] = outputs.length === 1 ? numbers(outputs[0]!) : []
  return { number, owner, sum }
}
