/**
 * The inputs by which a model hears of sequences: whether a row begins one, ends one, belongs to any, and to which. The server
 * writes them; clients never send them.
 *
 * Source: scheduling §4.7.
 */
import * as BatchAxis from "./BatchAxis.ts"
import * as BytesElements from "./BytesElements.ts"
import { byteSize, type DataType, fromConfigName } from "./DataType.ts"
import type { ModelConfig, SequenceBatching } from "./ModelConfig.ts"
import { ownTensor, type SignatureTensor } from "./ModelSignature.ts"

/** @category models */
export interface SequenceControl {
  readonly kind: "START" | "END" | "READY" | "CORRID"
  /** Name of the model's input. */
  readonly name: string
  readonly datatype: DataType
  /** The binary form of one row that says no, and of one that says yes; of CORRID, that of no sequence. */
  readonly no: Uint8Array
  readonly yes: Uint8Array
}

const kinds = ["START", "END", "READY", "CORRID"] as const

type Control = SequenceBatching["control_input"][number]["control"][number]

const bytes = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

const flag = (control: Control): Pick<SequenceControl, "datatype" | "no" | "yes"> => {
  const { bool_false_true: bools, fp32_false_true: floats, int32_false_true: ints } = control
  if (ints.length > 0) {
    return { datatype: "INT32", no: bytes(Int32Array.of(ints[0]!)), yes: bytes(Int32Array.of(ints[1]!)) }
  }
  if (floats.length > 0) {
    return { datatype: "FP32", no: bytes(Float32Array.of(floats[0]!)), yes: bytes(Float32Array.of(floats[1]!)) }
  }
  return { datatype: "BOOL", no: Uint8Array.of(Number(bools[0])), yes: Uint8Array.of(Number(bools[1])) }
}

const correlation = (control: Control): Pick<SequenceControl, "datatype" | "no" | "yes"> => {
  const datatype = fromConfigName(String(control.data_type))!.name
  const no = new Uint8Array(datatype === "BYTES" ? 4 : byteSize(datatype))
  return { datatype, no, yes: no }
}

/** The controls of a valid config, in the order START, END, READY, CORRID. @category constructors */
export const of = (config: ModelConfig): ReadonlyArray<SequenceControl> => {
  const all = (config.sequence_batching?.control_input ?? []).flatMap(({ control, name }) =>
    control.map((control) => ({ name, control }))
  )
  return kinds.flatMap((kind) => {
    const found = all.find(({ control }) => control.kind === `CONTROL_SEQUENCE_${kind}`)
    if (found === undefined) return []
    const { control, name } = found
    return [{ kind, name, ...(kind === "CORRID" ? correlation(control) : flag(control)) }]
  })
}

/** A control as an input of the model: one element for each row. @category getters */
export const tensorOf = ({ datatype, name }: SequenceControl, batched: boolean): SignatureTensor =>
  ownTensor({ name, datatype, dims: [1], batchAxis: batched ? 0 : BatchAxis.none })

/** The binary form of a correlation id in a control that takes its kind: low bytes of a number, or a text. @category constructors */
export const encodeId = ({ datatype }: SequenceControl, id: bigint | string): Uint8Array => {
  if (typeof id === "string") return BytesElements.encode([id])
  return bytes(BigUint64Array.of(BigInt.asUintN(64, id))).subarray(0, byteSize(datatype))
}

/** A control takes ids of this kind. @category guards */
export const takes = ({ datatype }: SequenceControl, id: bigint | string): boolean =>
  (datatype === "BYTES") === (typeof id === "string")
