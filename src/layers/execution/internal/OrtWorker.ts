/**
 * The thread of one execution instance: opens a session, then runs what the mailbox asks for, one batch at a time.
 *
 * It sleeps in `Atomics.wait` and returns to its event loop only to end, so a run costs one wake-up and no message. It
 * imports nothing but the runtime and small modules: this decides start-up time and memory of every instance.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import * as DataType from "../../../schema/DataType.ts"
import { trimHeap } from "../../HeapTrim.ts"
import type { AnswerMessage, FromWorker, Start, ToWorker } from "./Mailbox.ts"
import * as Mailbox from "./Mailbox.ts"
import type { NativeTensor, OrtSession } from "./OrtSession.ts"
import * as Session from "./OrtSession.ts"
import * as StringTensor from "./StringTensor.ts"

const { Answer, Bell, Place, Request, State, Status, Word } = Mailbox

type ViewConstructor = new(buffer: SharedArrayBuffer, byteOffset: number, length: number) => ArrayBufferView

const viewOf: Readonly<Record<string, ViewConstructor>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array
}

/** What a preallocated output that does not fit makes the runtime say. */
const refusedOutput =
  /pre-allocated output|output data type|not enough space|invalid (?:dimensions|rank) for output|shape verification/i

/** A native view that the next run reuses when it asks for the same bytes in the same shape, as small tensors always do. */
interface Held {
  readonly datatype: number
  readonly memory: number
  readonly offset: number
  readonly byteLength: number
  readonly tensor: NativeTensor
}

/** What makes nanoseconds of `process.hrtime`, which all threads share, of this thread's `performance.now`. */
const clockOffset = Number(process.hrtime.bigint()) - performance.now() * 1e6

/** Nothing to do for so long: time to give back what starting up has used, once. */
const idleMillis = 1000

const serve = (session: OrtSession, run: NonNullable<Start["run"]>) => {
  const { buffer, places, words } = Mailbox.views(run.mailbox)
  const bell = new Int32Array(run.bell)
  const memories = new Map<number, SharedArrayBuffer>([[Mailbox.inlineMemory, buffer]])
  /** Ids of memory by the only run that uses it. */
  const once = new Map<number, Array<number>>()
  /** Fields that came in a message, by run. */
  const sent = new Map<number, Float64Array>()
  const held = places.map(() => ({
    inputs: new Array<Held | undefined>(run.inputs.length),
    outputs: new Array<Held | undefined>(run.outputs.length)
  }))
  const outputTypes = run.outputs.map((name) => {
    const found = session.outputs.find((output) => output.name === name)
    return DataType.table.findIndex((row) => row.onnx === found?.elementType)
  })
  /** Of the run that is being worked on. */
  let number = 0
  let { fields: mailboxFields, inline, inlineOffset } = places[0]!
  let fields: Float64Array = mailboxFields

  const receive = () => {
    for (let next = receiveMessageOnPort(run.port); next !== undefined; next = receiveMessageOnPort(run.port)) {
      const message = next.message as ToWorker
      if (message._tag === "Fields") sent.set(message.number, message.fields)
      else if (message._tag === "Forget") memories.delete(message.id)
      else {
        memories.set(message.id, message.buffer)
        if (message.once === 0) continue
        const ids = once.get(message.once)
        if (ids === undefined) once.set(message.once, [message.id])
        else ids.push(message.id)
      }
    }
  }

  const memory = (id: number): SharedArrayBuffer => {
    if (!memories.has(id)) receive()
    return memories.get(id)!
  }

  const sameDims = (dims: ReadonlyArray<number>, at: number) => {
    for (let i = 0; i < dims.length; i++) if (dims[i] !== fields[at + i]) return false
    return true
  }

  /** The tensor that fields describe from `at`: memory, offset, byteLength, rank, dims. */
  const tensorAt = (held: Array<Held | undefined>, index: number, datatype: number, at: number): NativeTensor => {
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
    const start = id === Mailbox.inlineMemory ? inlineOffset + offset : offset
    const tensor: NativeTensor = {
      type: row.ort!,
      data: new viewOf[row.name]!(memory(id), start, byteLength / row.byteSize),
      dims: Array.from(fields.subarray(at + 4, at + 4 + rank)),
      location: "cpu"
    }
    // Only what lies in the mailbox stays: other memory must not outlive its place in `memories` here.
    if (id === Mailbox.inlineMemory) held[index] = { datatype, memory: id, offset, byteLength, tensor }
    return tensor
  }

  const stringsAt = (index: number, at: number): NativeTensor => {
    const id = fields[at]!
    const start = id === Mailbox.inlineMemory ? inlineOffset + fields[at + 1]! : fields[at + 1]!
    const dims = Array.from(fields.subarray(at + 4, at + 4 + fields[at + 3]!))
    const count = dims.reduce((product, dim) => product * dim, 1)
    const bytes = new Uint8Array(memory(id), start, fields[at + 2]!)
    return { type: "string", data: StringTensor.decode(run.inputs[index]!, bytes, count), dims, location: "cpu" }
  }

  /** Writes the outcome; gives the message that has to go beside it, if any. */
  const runOnce = (): AnswerMessage | undefined => {
    const started = performance.now()
    const here = held[Mailbox.placeOf(number)]!
    if (fields[Request.inputs]! < 0) {
      if (!sent.has(number)) receive()
      fields = sent.get(number)!
    }
    const inputs = fields[Request.inputs]!
    const outputs = fields[Request.outputs]!
    let inlineUsed = fields[Request.inlineUsed]!
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
    Atomics.store(words, Word.native, 1)
    try {
      results = session.run(feeds, fetches)
    } catch (error) {
      const asked = indices.some((index) => fetches[run.outputs[index]!] !== null)
      if (!asked || !refusedOutput.test(String(error))) throw error
      inPlace = false
      results = session.run(feeds, Object.fromEntries(indices.map((index) => [run.outputs[index]!, null])))
    } finally {
      Atomics.store(words, Word.native, 0)
    }
    const ran = performance.now()
    const buffers: Array<ArrayBuffer> = []
    const answer: Array<number> = [
      Status.done,
      0,
      (ready - started) * 1e6,
      (ran - ready) * 1e6,
      0,
      clockOffset + started * 1e6
    ]
    for (let i = 0; i < outputs; i++) {
      const name = run.outputs[indices[i]!]!
      const asked = inPlace ? fetches[name]! : null
      const result = asked ?? results[name]!
      const datatype = DataType.fromOrt(result.type)!
      let place: number = fields[places[i]!] === Mailbox.inlineMemory ? Place.inline : Place.asked
      let offset = fields[places[i]! + 1]!
      let byteLength = fields[places[i]! + 2]!
      if (asked === null) {
        const view = result.type === "string"
          ? StringTensor.encode(result.data as ReadonlyArray<string>)
          : result.data as ArrayBufferView<ArrayBuffer>
        byteLength = view.byteLength
        if (byteLength <= Mailbox.inlineCapacity - inlineUsed) {
          place = Place.inline
          offset = inlineUsed
          inline.set(new Uint8Array(view.buffer, view.byteOffset, byteLength), offset)
          inlineUsed = Mailbox.align(inlineUsed + byteLength)
        } else {
          place = Place.message
          offset = buffers.length
          buffers.push(
            view.buffer.byteLength === byteLength
              ? view.buffer
              : view.buffer.slice(view.byteOffset, view.byteOffset + byteLength)
          )
        }
      }
      answer.push(place, DataType.table.indexOf(datatype), offset, byteLength, result.dims.length, ...result.dims)
    }
    answer[Answer.outputNanos] = (performance.now() - ran) * 1e6
    const fits = answer.length <= Mailbox.fieldCapacity
    if (fits && buffers.length === 0) {
      mailboxFields.set(answer)
      return undefined
    }
    answer[Answer.hasMessage] = 1
    mailboxFields.set(fits ? answer : answer.slice(0, Answer.entries))
    return fits ? { buffers } : { buffers, fields: Float64Array.from(answer) }
  }

  const runSafely = (): AnswerMessage | undefined => {
    try {
      return runOnce()
    } catch (error) {
      mailboxFields[Answer.status] = error instanceof StringTensor.InvalidElement ? Status.invalid : Status.failed
      mailboxFields[Answer.hasMessage] = 1
      // What it had not come to: `forget` has to know of it.
      receive()
      return { error: error instanceof Error ? error.message : String(error), buffers: [] }
    }
  }

  /** Drops what belonged to a run alone. */
  const forget = () => {
    if (once.size > 0) {
      for (const id of once.get(number) ?? []) memories.delete(id)
      once.delete(number)
    }
    if (sent.size > 0) sent.delete(number)
  }

  let served = 0
  let trimmed = false
  while (true) {
    if (Atomics.load(words, Word.request) === served) {
      // Main reads this word after it wrote the request, so either it sees us asleep or we see the request.
      Atomics.store(words, Word.asleep, 1)
      while (Atomics.load(words, Word.request) === served) {
        const woken = Atomics.wait(words, Word.request, served, trimmed ? Infinity : idleMillis)
        if (woken !== "timed-out") continue
        trimmed = true
        trimHeap()
      }
      Atomics.store(words, Word.asleep, 0)
    }
    if (Atomics.load(words, Word.request) === Mailbox.closing) return
    number = Mailbox.next(served)
    const place = Mailbox.placeOf(number)
    if (Atomics.compareExchange(words, Word.states + place, State.ready, State.begun) === State.ready) {
      ;({ fields: mailboxFields, inline, inlineOffset } = places[place]!)
      fields = mailboxFields
      const message = runSafely()
      if (message !== undefined) run.port.postMessage(message, message.buffers)
    } else receive()
    forget()
    served = number
    Atomics.store(words, Word.answer, served)
    if (Atomics.load(bell, Bell.awake) === 0 && Atomics.exchange(bell, Bell.told, 1) === 0) say(0)
  }
}

const say = (message: FromWorker) => parentPort!.postMessage(message)

const main = (start: Start) => {
  let session: OrtSession
  try {
    session = Session.open(start.path, start.settings)
  } catch (error) {
    return say({ _tag: "Refused", reason: error instanceof Error ? error.message : String(error) })
  }
  say({ _tag: "Opened", inputs: session.inputs, outputs: session.outputs })
  if (start.run !== undefined) {
    serve(session, start.run)
    start.run.port.close()
  }
  session.close()
}

main(workerData as Start)
