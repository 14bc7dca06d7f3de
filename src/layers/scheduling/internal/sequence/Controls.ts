/** Writes the control inputs of a batch. Source: scheduling §4.7. */
import * as BytesElements from "../../../../schema/BytesElements.ts"
import { InvalidRequest } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import * as SequenceControls from "../../../../schema/SequenceControls.ts"
import type { Job } from "../../../../services/Scheduler.ts"

/** What is told of a row; a row of nobody is padding. @category models */
export interface Row {
  readonly job: Job
  readonly start: boolean
  readonly end: boolean
}

/** @category models */
export interface Controls {
  /** The correlation id is of a kind that the model does not take. */
  readonly problemOf: (job: Job) => InvalidRequest | undefined
  /** Adds the control inputs of these rows to others. */
  readonly add: (rows: ReadonlyArray<Row | undefined>, inputs: Array<Tensor>) => void
  /** How many it adds. */
  readonly count: number
}

type Flag = SequenceControls.SequenceControl & { readonly kind: "START" | "END" | "READY" }

const isSet = (kind: Flag["kind"], row: Row | undefined): boolean =>
  row !== undefined && (kind === "READY" || (kind === "START" ? row.start : row.end))

const idOf = ({ request }: Job): bigint | string => request!.sequence!.id

const repeat = (data: Uint8Array, rows: number): Uint8Array => {
  const all = new Uint8Array(data.byteLength * rows)
  for (let row = 0; row < rows; row++) all.set(data, row * data.byteLength)
  return all
}

/** @category constructors */
export const make = (config: ModelConfig): Controls => {
  const controls = SequenceControls.of(config)
  const batched = config.max_batch_size > 0
  const shapes: Array<ReadonlyArray<number>> = []
  const shapeOf = (rows: number): ReadonlyArray<number> => shapes[rows] ??= batched ? [rows, 1] : [1]
  const corrid = controls.find(({ kind }) => kind === "CORRID")

  /** Most batches say the same of all rows: these tensors serve all of them. As many as there are sizes of a batch. */
  const flagOf = (control: Flag) => {
    const { datatype, kind, name, no, yes } = control
    const none: Array<Tensor> = []
    const every: Array<Tensor> = []
    return (rows: ReadonlyArray<Row | undefined>): Tensor => {
      const count = rows.length
      let set = 0
      for (let i = 0; i < count; i++) if (isSet(kind, rows[i])) set++
      if (set === 0) return none[count] ??= { name, datatype, shape: shapeOf(count), data: repeat(no, count) }
      if (set === count) return every[count] ??= { name, datatype, shape: shapeOf(count), data: repeat(yes, count) }
      const data = repeat(no, count)
      for (let i = 0; i < count; i++) if (isSet(kind, rows[i])) data.set(yes, i * yes.byteLength)
      return { name, datatype, shape: shapeOf(count), data }
    }
  }

  const idsOf = (control: SequenceControls.SequenceControl) => {
    const { datatype, name, no } = control
    return (rows: ReadonlyArray<Row | undefined>): Tensor => {
      const shape = shapeOf(rows.length)
      if (datatype === "BYTES") {
        return {
          name,
          datatype,
          shape,
          data: BytesElements.encode(rows.map((row) => row === undefined ? "" : String(idOf(row.job))))
        }
      }
      const size = no.byteLength
      const data = new Uint8Array(rows.length * size)
      const view = new DataView(data.buffer)
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]
        if (row === undefined) continue
        const id = idOf(row.job) as bigint
        if (size === 8) view.setBigUint64(i * size, id, true)
        else view.setUint32(i * size, Number(BigInt.asUintN(32, id)), true)
      }
      return { name, datatype, shape, data }
    }
  }

  const writers = controls.map((control) => control.kind === "CORRID" ? idsOf(control) : flagOf(control as Flag))

  return {
    problemOf: (job) => {
      if (corrid === undefined || SequenceControls.takes(corrid, idOf(job))) return undefined
      const id = job.request!.id
      const kind = typeof idOf(job) === "string" ? "BYTES" : "UINT64"
      return new InvalidRequest({
        message:
          `[request id: ${id === "" ? "<id_unknown>" : id}] sequence batching control '${corrid.name}' data-type is ` +
          `'${kind}', but model '${config.name}' expects '${corrid.datatype}'`
      })
    },
    add: (rows, inputs) => {
      for (let i = 0; i < writers.length; i++) inputs.push(writers[i]!(rows))
    },
    count: writers.length
  }
}
