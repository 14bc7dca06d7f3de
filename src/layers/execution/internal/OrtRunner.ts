/** Runs a session over what is asked for, one batch at a time. Loaded by the thread and by the process of an instance. */
import * as DataType from "../../../schema/DataType.ts"
import type { AnswerMessage } from "./Mailbox.ts"
import * as Mailbox from "./Mailbox.ts"
import * as NativeView from "./NativeView.ts"
import type { NativeTensor, OrtSession } from "./OrtSession.ts"
import type { RunQueue } from "./RunQueue.ts"
import * as StringTensor from "./StringTensor.ts"
import * as WorkerAnswer from "./WorkerAnswer.ts"

const { Request } = Mailbox

/** A native view that the next run reuses when it asks for the same bytes in the same shape, as small tensors always do. */
interface Held {
  readonly datatype: number
  readonly memory: number
  readonly offset: number
  readonly byteLength: number
  readonly tensor: NativeTensor
}

/** What runs the begun run of `mailbox`, and gives the message that has to go beside its answer, if any. @category constructors */
export const make = (session: OrtSession, mailbox: RunQueue): () => AnswerMessage | undefined => {
  const { run } = mailbox
  const held = Array.from({ length: Mailbox.places }, () => ({
    inputs: new Array<Held | undefined>(run.inputs.length),
    outputs: new Array<Held | undefined>(run.outputs.length)
  }))
  const outputTypes = run.outputs.map((name) => {
    const found = session.outputs.find((output) => output.name === name)
    return DataType.table.findIndex((row) => row.onnx === found?.elementType)
  })

  const sameDims = (dims: ReadonlyArray<number>, at: number) => {
    const { fields } = mailbox
    for (let i = 0; i < dims.length; i++) if (dims[i] !== fields[at + i]) return false
    return true
  }

  /** The tensor that fields describe from `at`: memory, offset, byteLength, rank, dims. */
  const tensorAt = (held: Array<Held | undefined>, index: number, datatype: number, at: number): NativeTensor => {
    const { fields } = mailbox
    const id = fields[at]!
    const offset = fields[at + 1]!
    const byteLength = fields[at + 2]!
    const rank = fields[at + 3]!
    const last = held[index]
    if (
      last !== undefined && last.memory === id && last.offset === offset && last.byteLength === byteLength &&
      last.datatype === datatype && last.tensor.dims.length === rank && sameDims(last.tensor.dims, at + 4)
    ) return last.tensor
    const row = DataType.table[datatype]!
    const start = id === Mailbox.inlineMemory ? mailbox.inlineOffset + offset : offset
    const dims = Array.from(fields.subarray(at + 4, at + 4 + rank))
    const tensor = NativeView.tensor(row.name, mailbox.memory(id), start, byteLength / row.byteSize, dims)
    // Only what lies in the mailbox stays: other memory must not outlive its place among the known memories here.
    if (id === Mailbox.inlineMemory) held[index] = { datatype, memory: id, offset, byteLength, tensor }
    return tensor
  }

  const stringsAt = (index: number, at: number): NativeTensor => {
    const { fields } = mailbox
    const id = fields[at]!
    const start = id === Mailbox.inlineMemory ? mailbox.inlineOffset + fields[at + 1]! : fields[at + 1]!
    const dims = Array.from(fields.subarray(at + 4, at + 4 + fields[at + 3]!))
    return StringTensor.tensor(run.inputs[index]!, new Uint8Array(mailbox.memory(id), start, fields[at + 2]!), dims)
  }

  /** Writes the outcome; gives the message that has to go beside it, if any. */
  const runOnce = (): AnswerMessage | undefined => {
    const started = performance.now()
    const { fields } = mailbox
    const here = held[mailbox.place]!
    const inputs = fields[Request.inputs]!
    const outputs = fields[Request.outputs]!
    let at: number = Request.entries
    const feeds: Record<string, NativeTensor> = {}
    for (let i = 0; i < inputs; i++) {
      const index = fields[at]!
      const datatype = fields[at + 1]!
      feeds[run.inputs[index]!] = DataType.table[datatype]!.byteSize === 0
        ? stringsAt(index, at + 2)
        : tensorAt(here.inputs, index, datatype, at + 2)
      at += Request.inputHead + fields[at + 5]!
    }
    const fetches: Record<string, NativeTensor | null> = {}
    const indices: Array<number> = []
    const places: Array<number> = []
    for (let i = 0; i < outputs; i++) {
      const index = fields[at]!
      indices.push(index)
      places.push(at + 1)
      fetches[run.outputs[index]!] = fields[at + 1] === Mailbox.none
        ? null
        : tensorAt(here.outputs, index, outputTypes[index]!, at + 1)
      at += Request.outputHead + fields[at + 4]!
    }
    const ready = performance.now()
    let results: Readonly<Record<string, NativeTensor>>
    let inPlace = true
    mailbox.native(true)
    try {
      results = session.run(feeds, fetches)
    } catch (error) {
      const asked = indices.some((index) => fetches[run.outputs[index]!] !== null)
      if (!asked || !NativeView.refusedOutput.test(String(error))) throw error
      inPlace = false
      results = session.run(feeds, Object.fromEntries(indices.map((index) => [run.outputs[index]!, null])))
    } finally {
      mailbox.native(false)
    }
    const answer = new WorkerAnswer.WorkerAnswer(mailbox, started, ready, performance.now())
    for (let i = 0; i < outputs; i++) {
      const name = run.outputs[indices[i]!]!
      const asked = inPlace ? fetches[name]! : null
      const result = asked ?? results[name]!
      const datatype = DataType.table.indexOf(DataType.fromOrt(result.type)!)
      if (asked !== null) answer.asked(places[i]!, datatype, result.dims)
      else {
        const view = result.type === "string"
          ? StringTensor.encode(result.data as ReadonlyArray<string>)
          : result.data as ArrayBufferView<ArrayBuffer>
        answer.given(view, datatype, result.dims)
      }
    }
    return answer.end()
  }

  return () => {
    try {
      return runOnce()
    } catch (error) {
      const invalid = error instanceof StringTensor.InvalidElement
      return WorkerAnswer.failed(mailbox, invalid, error instanceof Error ? error.message : String(error))
    }
  }
}
