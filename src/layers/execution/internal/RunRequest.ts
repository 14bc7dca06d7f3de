/** Writes a run into a mailbox, and reads its outcome: the main thread's side of `WorkerMailbox` and `WorkerAnswer`. */
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import * as DataType from "../../../schema/DataType.ts"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ExecutionResult, ModelPlan, TensorSpec } from "../../../services/Executor.ts"
import type { Region } from "../../../services/TensorMemory.ts"
import * as Mailbox from "./Mailbox.ts"

const { Answer, Place, Request } = Mailbox

const typeIndex = new Map<string, number>(DataType.table.map((row, index) => [row.name, index]))

/** How an output's shape follows from the run: by its own numbers, with the batch put in, or not at all. */
interface OutputRule {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  /** `false` where the shape is not fully known, or was found to be wrong once. */
  known: boolean
  /** The dimension whose size is the batch, `BatchAxis.none` where there is none. */
  readonly axis: number
  /** Bytes of all elements, of one row where there is an `axis`. */
  readonly byteLength: number
}

/** What is computed once for an open version. @category models */
export interface Layout {
  readonly inputs: ReadonlyArray<string>
  /** Where each input has the batch, `BatchAxis.none` for inputs without. */
  readonly inputAxes: ReadonlyArray<number>
  readonly outputs: ReadonlyArray<string>
  readonly inputIndex: ReadonlyMap<string, number>
  readonly outputIndex: ReadonlyMap<string, number>
  readonly outputRules: ReadonlyArray<OutputRule>
  /** What runs it cannot carry BF16. */
  readonly refusesBf16: boolean
}

const axisOf = (plan: ModelPlan, { batchAxis, shape }: TensorSpec): number => {
  const axis = plan.batched ? batchAxis ?? 0 : BatchAxis.none
  return shape[axis] === -1 ? axis : BatchAxis.none
}

/** The layout of a plan. @category constructors */
export const layout = (plan: ModelPlan): Layout => ({
  refusesBf16: plan.backend !== "custom",
  inputs: plan.inputs.map((input) => input.name),
  inputAxes: plan.inputs.map((input) => axisOf(plan, input)),
  outputs: plan.outputs.map((output) => output.name),
  inputIndex: new Map(plan.inputs.map((input, index) => [input.name, index])),
  outputIndex: new Map(plan.outputs.map((output, index) => [output.name, index])),
  outputRules: plan.outputs.map((output) => {
    const { datatype, name, shape } = output
    const elementSize = DataType.byteSize(datatype)
    const axis = axisOf(plan, output)
    const fixed = BatchAxis.remove(shape, axis)
    return {
      name,
      shape,
      axis,
      known: elementSize > 0 && fixed.every((dim) => dim >= 0),
      byteLength: fixed.reduce((product, dim) => product * dim, elementSize)
    }
  })
})

/** A run on its way. `asked[i]` is the preallocated region of the output, its shape beside it. @category models */
export interface Written {
  readonly names: ReadonlyArray<string>
  readonly regions: Array<Region | undefined>
  readonly shapes: Array<ReadonlyArray<number> | undefined>
  /** How many fields the run has. */
  readonly count: number
  /** Shared memory that inputs were copied into. */
  readonly copies: Array<Region>
}

/** How tensors that are too large for the mailbox get to whatever runs the model. @category models */
export interface Carrier {
  /** Where the tensor that was named last starts in its memory. */
  readonly offset: number
  /** Names the memory of an input of the run of this number. */
  readonly input: (run: number, data: Uint8Array, elementSize: number, written: Written) => number
  /** Names the memory of an output, and adds where the caller will find it to `written.regions`. */
  readonly output: (run: number, byteLength: number, written: Written) => number
}

/** @category models */
export interface Target {
  readonly mailbox: Mailbox.Views
  readonly carrier: Carrier
  /** Sends fields that are too many for the mailbox. */
  readonly sendFields: (number: number, fields: Float64Array) => void
}

/** Rows of the batch, -1 where no input tells. @category getters */
export const rowsOf = (layout: Layout, inputs: ReadonlyArray<Tensor>): number => {
  for (let i = 0; i < inputs.length; i++) {
    const { name, shape } = inputs[i]!
    const axis = layout.inputAxes[layout.inputIndex.get(name)!]!
    if (axis !== BatchAxis.none) return shape[axis] ?? -1
  }
  return -1
}

const fieldCount = (layout: Layout, inputs: ReadonlyArray<Tensor>, outputs: ReadonlyArray<string>): number => {
  let count: number = Request.entries
  for (const input of inputs) count += Request.inputHead + input.shape.length
  for (const name of outputs) {
    const index = layout.outputIndex.get(name)
    count += Request.outputHead + (index === undefined ? 0 : layout.outputRules[index]!.shape.length)
  }
  return count
}

/** Why a run cannot be one: names that the model does not have, or a type that cannot be carried. @category getters */
export const refusal = (
  layout: Layout,
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string>
): InvalidRequest | undefined => {
  for (const input of inputs) {
    if (!layout.inputIndex.has(input.name)) {
      return new InvalidRequest({ message: `the model has no input '${input.name}'` })
    }
    if (layout.refusesBf16 && input.datatype === "BF16") {
      return new InvalidRequest({ message: `input '${input.name}' is BF16, which ONNX Runtime's binding cannot carry` })
    }
  }
  for (const name of outputs) {
    if (!layout.outputIndex.has(name)) return new InvalidRequest({ message: `the model has no output '${name}'` })
  }
  return undefined
}

/**
 * Writes the run of this number, or says why it cannot be one. Copies small inputs into the mailbox, and leaves the
 * rest to the carrier.
 */
export const write = (
  target: Target,
  number: number,
  layout: Layout,
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string>
): Written | InvalidRequest => {
  const { carrier } = target
  const mailbox = target.mailbox.places[Mailbox.placeOf(number)]!
  const refused = refusal(layout, inputs, outputs)
  if (refused !== undefined) return refused
  const count = fieldCount(layout, inputs, outputs)
  const fields = count <= Mailbox.fieldCapacity ? mailbox.fields : new Float64Array(count)
  const written: Written = { names: outputs, regions: [], shapes: [], count, copies: [] }
  let inlineUsed = 0
  let at: number = Request.entries

  const place = (id: number, offset: number, byteLength: number) => {
    fields[at++] = id
    fields[at++] = offset
    fields[at++] = byteLength
  }

  for (let i = 0; i < inputs.length; i++) {
    const { data, datatype, name, shape } = inputs[i]!
    const type = typeIndex.get(datatype)!
    const elementSize = DataType.table[type]!.byteSize
    fields[at++] = layout.inputIndex.get(name)!
    fields[at++] = type
    const byteLength = data.byteLength
    if (byteLength <= Mailbox.inlineLimit && inlineUsed + byteLength <= Mailbox.inlineCapacity) {
      mailbox.inline.set(data, inlineUsed)
      place(Mailbox.inlineMemory, inlineUsed, byteLength)
      inlineUsed = Mailbox.align(inlineUsed + byteLength)
    } else {
      const id = carrier.input(number, data, elementSize, written)
      place(id, carrier.offset, byteLength)
    }
    fields[at++] = shape.length
    for (let d = 0; d < shape.length; d++) fields[at++] = shape[d]!
  }

  const inlineInputs = inlineUsed
  const rows = rowsOf(layout, inputs)
  for (let i = 0; i < outputs.length; i++) {
    const index = layout.outputIndex.get(outputs[i]!)!
    const rule = layout.outputRules[index]!
    fields[at++] = index
    if (!rule.known || rule.axis !== BatchAxis.none && rows < 0) {
      written.regions.push(undefined)
      written.shapes.push(undefined)
      place(Mailbox.none, 0, 0)
      fields[at++] = 0
      continue
    }
    const byteLength = rule.axis === BatchAxis.none ? rule.byteLength : rows * rule.byteLength
    const shape = rule.axis === BatchAxis.none ? rule.shape : rule.shape.with(rule.axis, rows)
    written.shapes.push(shape)
    if (byteLength <= Mailbox.inlineLimit && inlineUsed + byteLength <= Mailbox.inlineCapacity) {
      written.regions.push(undefined)
      place(Mailbox.inlineMemory, inlineUsed, byteLength)
      inlineUsed = Mailbox.align(inlineUsed + byteLength)
    } else {
      const id = carrier.output(number, byteLength, written)
      place(id, carrier.offset, byteLength)
    }
    fields[at++] = shape.length
    for (let d = 0; d < shape.length; d++) fields[at++] = shape[d]!
  }
  fields[Request.inputs] = inputs.length
  fields[Request.outputs] = outputs.length
  fields[Request.inlineUsed] = inlineUsed
  fields[Request.inlineInputs] = inlineInputs
  if (fields !== mailbox.fields) {
    target.sendFields(number, fields)
    mailbox.fields[Request.inputs] = -1
  }
  return written
}

const nothing = () => {}
const none: ReadonlyArray<ArrayBuffer> = []

/** Gives back the shared memory of a run's inputs, and of its outputs where nobody gets them. */
export const free = (written: Written, outputs: boolean): void => {
  for (const region of written.copies) region.release()
  if (outputs) { for (const region of written.regions) region?.release() }
}

/** Reads the outcome of a run that succeeded. Small outputs are copied out of the mailbox, all others stay where they are. */
export const read = (
  mailbox: Mailbox.PlaceViews,
  layout: Layout,
  written: Written,
  message: Mailbox.AnswerMessage | undefined
): ExecutionResult => {
  const fields = message?.fields ?? mailbox.fields
  const outputs: Array<Tensor> = []
  const regions: Array<Region> = []
  const buffers = message?.buffers ?? none
  let at: number = Answer.entries
  for (let i = 0; i < written.names.length; i++) {
    const place = fields[at]!
    if (place === Place.absent) {
      written.regions[i]?.release()
      at += Answer.outputHead
      continue
    }
    const datatype = DataType.table[fields[at + 1]!]!.name
    const offset = fields[at + 2]!
    const rank = fields[at + 4]!
    const shape = new Array<number>(rank)
    for (let d = 0; d < rank; d++) shape[d] = fields[at + Answer.outputHead + d]!
    at += Answer.outputHead + rank
    const region = written.regions[i]
    let data: Uint8Array
    if (place === Place.asked) {
      data = region!.bytes
      regions.push(region!)
    } else {
      data = place === Place.inline
        ? mailbox.inline.slice(offset, offset + fields[at - rank - 2]!)
        : new Uint8Array(buffers[offset]!)
      region?.release()
      const asked = written.shapes[i]
      if (asked !== undefined && (asked.length !== rank || asked.some((dim, d) => dim !== shape[d]))) {
        layout.outputRules[layout.outputIndex.get(written.names[i]!)!]!.known = false
      }
    }
    outputs.push({ name: written.names[i]!, datatype, shape, data })
  }
  return {
    outputs,
    begunAtNanos: fields[Answer.begunAt]!,
    computeInputNanos: fields[Answer.inputNanos]!,
    computeInferNanos: fields[Answer.inferNanos]!,
    computeOutputNanos: fields[Answer.outputNanos]!,
    ...(message?.parameters === undefined ? {} : { parameters: message.parameters }),
    release: regions.length === 0 && buffers.length === 0 ? nothing : () => {
      for (const region of regions) region.release()
      // Detaching frees them now: left to the garbage collector, large outputs make it run every few dozen requests.
      for (const buffer of buffers) if (!buffer.detached) buffer.transfer(0)
    }
  }
}
