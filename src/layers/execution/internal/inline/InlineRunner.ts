/** Runs a session on this thread, over tensors where they lie. */
import { Exit } from "effect"
import { performance } from "node:perf_hooks"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as DataType from "../../../../schema/DataType.ts"
import { ExecutionFailed, InvalidRequest } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ExecutionResult, RunFailure } from "../../../../services/Executor.ts"
import type { Region, TensorMemory } from "../../../../services/TensorMemory.ts"
import * as NativeView from "../NativeView.ts"
import type { NativeTensor, OrtSession } from "../OrtSession.ts"
import * as OrtThread from "../OrtThread.ts"
import * as RunRequest from "../RunRequest.ts"
import * as StringTensor from "../StringTensor.ts"
import * as Stage from "./Stage.ts"

/** What makes nanoseconds of `process.hrtime` of this thread's `performance.now`. */
const clockOffset = Number(process.hrtime.bigint()) - performance.now() * 1e6

const nothing = () => {}

/** @category models */
export interface Options {
  readonly model: string
  readonly layout: RunRequest.Layout
  /** In the order of the layout. */
  readonly outputTypes: ReadonlyArray<DataType.DataType>
  readonly memory: TensorMemory["Service"]
  readonly session: OrtSession
}

/** Where an output goes that was asked for. */
interface Asked {
  readonly name: string
  readonly index: number
  readonly shape: ReadonlyArray<number>
  readonly byteLength: number
  /** Memory of its own; `undefined` for small ones. */
  readonly region: Region | undefined
}

type Named = Record<string, NativeTensor | null>

/** @category models */
export class InlineRunner {
  private readonly options: Options
  private readonly inputs: ReadonlyArray<Stage.Stage>
  private readonly outputs: ReadonlyArray<Stage.Stage>
  /** Of runs with all inputs and outputs, which hardly differ. */
  private readonly allFeeds: Named = {}
  private readonly allFetches: Named = {}
  /** The shape of each output in the last run. */
  private readonly shapes: Array<ReadonlyArray<number>> = []
  private runs = 0
  /** Milliseconds of `performance.now` at which the last run had ended. */
  ended = 0

  constructor(options: Options) {
    this.options = options
    this.inputs = options.layout.inputs.map(() => new Stage.Stage())
    this.outputs = options.layout.outputs.map(() => new Stage.Stage())
  }

  /**
   * Runs it once; `started` is the time now, in milliseconds of `performance.now`. Inputs are not used any more when it has ended;
   * outputs belong to the caller until `release`.
   */
  run(
    started: number,
    inputs: ReadonlyArray<Tensor>,
    outputs: ReadonlyArray<string>
  ): Exit.Exit<ExecutionResult, RunFailure> {
    const { layout, model } = this.options
    this.ended = started
    const refusal = RunRequest.refusal(layout, inputs, outputs)
    if (refusal !== undefined) return Exit.fail(refusal)
    const asked: Array<Asked | undefined> = []
    const copies: Array<Region> = []
    try {
      return Exit.succeed(this.runOnce(started, inputs, outputs, asked, copies))
    } catch (error) {
      this.ended = performance.now()
      for (const output of asked) output?.region?.release()
      if (error instanceof InvalidRequest) return Exit.fail(error)
      if (error instanceof StringTensor.InvalidElement) return Exit.fail(new InvalidRequest({ message: error.message }))
      const words = error instanceof Error ? error.message : String(error)
      return Exit.fail(new ExecutionFailed({ message: `${OrtThread.runtime} error: ${words.trim()}`, model }))
    } finally {
      for (const region of copies) region.release()
    }
  }

  private runOnce(
    started: number,
    inputs: ReadonlyArray<Tensor>,
    outputs: ReadonlyArray<string>,
    asked: Array<Asked | undefined>,
    copies: Array<Region>
  ): ExecutionResult {
    const { layout } = this.options
    const feeds = inputs.length === this.inputs.length ? this.allFeeds : {}
    const isLent = this.feed(feeds, inputs, copies)
    const rows = RunRequest.rowsOf(layout, inputs)
    const fetches = outputs.length === this.outputs.length ? this.allFetches : {}
    for (let i = 0; i < outputs.length; i++) fetches[outputs[i]!] = this.fetch(outputs[i]!, rows, asked)
    const began = performance.now()
    let results: OrtResults | undefined
    try {
      results = this.runNative(feeds, fetches, outputs)
    } finally {
      // Memory of others is not to be kept until the next run.
      if (isLent) { for (const { name } of inputs) feeds[name] = null }
    }
    const ended = performance.now()
    this.ended = ended
    const inPlace = results === undefined
    const regions: Array<Region> = []
    const buffers: Array<ArrayBuffer> = []
    const tensors = new Array<Tensor>(outputs.length)
    for (let i = 0; i < outputs.length; i++) {
      const output = asked[i]
      const name = outputs[i]!
      if (inPlace && output !== undefined) tensors[i] = this.written(output, regions)
      else {
        output?.region?.release()
        tensors[i] = allocated(name, (results ?? fetches)[name]!, buffers)
      }
      // The caller's from now on: the next run must neither keep it nor write to it.
      fetches[name] = null
    }
    return {
      outputs: tensors,
      begunAtNanos: clockOffset + started * 1e6,
      computeInputNanos: (began - started) * 1e6,
      computeInferNanos: (ended - began) * 1e6,
      computeOutputNanos: (performance.now() - ended) * 1e6,
      release: regions.length === 0 && buffers.length === 0 ? nothing : () => {
        for (const region of regions) region.release()
        // Detaching frees them now: left to the garbage collector, large outputs make it run every few dozen requests.
        for (const buffer of buffers) if (!buffer.detached) buffer.transfer(0)
      }
    }
  }

  /** Puts inputs into `feeds`. `true`: some of them lie in memory of others. */
  private feed(feeds: Named, inputs: ReadonlyArray<Tensor>, copies: Array<Region>): boolean {
    const { layout, memory } = this.options
    const run = ++this.runs
    let isLent = false
    for (let i = 0; i < inputs.length; i++) {
      const { data, datatype, name, shape } = inputs[i]!
      const stage = this.inputs[layout.inputIndex.get(name)!]!
      // Another one would be missing, and what the last run had would be in its place.
      if (stage.run === run) throw new InvalidRequest({ message: `input '${name}' is given twice` })
      stage.run = run
      const { byteLength } = data
      const size = DataType.byteSize(datatype)
      if (size === 0) {
        isLent = true
        feeds[name] = StringTensor.tensor(name, data, shape)
        continue
      }
      if (byteLength <= Stage.capacity) {
        stage.bytes.set(data)
        feeds[name] = stage.view(datatype, byteLength / size, shape)
        continue
      }
      let bytes = data
      if (data.byteOffset % size !== 0) {
        const region = memory.acquire(byteLength)
        copies.push(region)
        region.bytes.set(data)
        bytes = region.bytes
      }
      isLent = true
      feeds[name] = NativeView.tensor(datatype, bytes.buffer, bytes.byteOffset, byteLength / size, shape)
    }
    return isLent
  }

  /** Where an output is to go; `null`: wherever the runtime puts it. */
  private fetch(name: string, rows: number, asked: Array<Asked | undefined>): NativeTensor | null {
    const { layout, memory, outputTypes } = this.options
    const index = layout.outputIndex.get(name)!
    const stage = this.outputs[index]!
    // One of the two would be left unwritten, with what others had in that memory.
    if (stage.run === this.runs) throw new InvalidRequest({ message: `output '${name}' is asked for twice` })
    stage.run = this.runs
    const rule = layout.outputRules[index]!
    const isRow = rule.axis !== BatchAxis.none
    if (!rule.known || (isRow && rows < 0)) {
      asked.push(undefined)
      return null
    }
    const datatype = outputTypes[index]!
    const byteLength = isRow ? rows * rule.byteLength : rule.byteLength
    let shape = isRow ? this.shapes[index] : rule.shape
    if (shape === undefined || (isRow && shape[rule.axis] !== rows)) {
      shape = rule.shape.with(rule.axis, rows)
      this.shapes[index] = shape
    }
    const elements = byteLength / DataType.byteSize(datatype)
    if (byteLength <= Stage.capacity) {
      asked.push({ name, index, shape, byteLength, region: undefined })
      return stage.view(datatype, elements, shape)
    }
    const region = memory.acquire(byteLength)
    asked.push({ name, index, shape, byteLength, region })
    return NativeView.tensor(datatype, region.bytes.buffer, region.bytes.byteOffset, elements, shape)
  }

  /**
   * Runs; what the runtime allocated is in `fetches` then. Gives all outputs where it did not take the memory that was meant for some of
   * them.
   */
  private runNative(feeds: Named, fetches: Named, outputs: ReadonlyArray<string>): OrtResults | undefined {
    const { layout, session } = this.options
    try {
      const results = session.run(feeds as OrtResults, fetches)
      for (let i = 0; i < outputs.length; i++) fetches[outputs[i]!] ??= results[outputs[i]!]!
      return undefined
    } catch (error) {
      const isAsked = outputs.some((name) => fetches[name] !== null)
      if (!isAsked || !NativeView.refusedOutput.test(String(error))) throw error
      for (const name of outputs) layout.outputRules[layout.outputIndex.get(name)!]!.known = false
      return session.run(feeds as OrtResults, Object.fromEntries(outputs.map((name) => [name, null])))
    }
  }

  private written({ byteLength, index, name, region, shape }: Asked, regions: Array<Region>): Tensor {
    const datatype = this.options.outputTypes[index]!
    if (region === undefined) return { name, datatype, shape, data: this.outputs[index]!.bytes.slice(0, byteLength) }
    regions.push(region)
    return { name, datatype, shape, data: region.bytes }
  }
}

type OrtResults = Readonly<Record<string, NativeTensor>>

/** An output in memory of the runtime: small ones are copied. */
const allocated = (name: string, { data, dims, type }: NativeTensor, buffers: Array<ArrayBuffer>): Tensor => {
  if (type === "string") {
    return { name, datatype: "BYTES", shape: dims, data: StringTensor.encode(data as ReadonlyArray<string>) }
  }
  const { buffer, byteLength, byteOffset } = data as ArrayBufferView<ArrayBuffer>
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  const datatype = DataType.fromOrt(type)!.name
  if (byteLength <= Stage.capacity) return { name, datatype, shape: dims, data: bytes.slice() }
  buffers.push(buffer)
  return { name, datatype, shape: dims, data: bytes }
}
