/** Runs a session on this thread, over tensors where they lie. */
import { Exit } from "effect"
import { performance } from "node:perf_hooks"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as DataType from "../../../../schema/DataType.ts"
import { ExecutionFailed } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ExecutionResult, RunFailure } from "../../../../services/Executor.ts"
import type { Region, TensorMemory } from "../../../../services/TensorMemory.ts"
import * as NativeView from "../NativeView.ts"
import type { NativeTensor, OrtSession } from "../OrtSession.ts"
import * as OrtThread from "../OrtThread.ts"
import * as RunRequest from "../RunRequest.ts"

/** Tensors up to this size are copied in and out of memory that the runtime knows: cheaper than a new view for each. */
const stagedBytes = 4096

/** What makes nanoseconds of `process.hrtime` of this thread's `performance.now`. */
const clockOffset = Number(process.hrtime.bigint()) - performance.now() * 1e6

const nothing = () => {}

/** Memory of one small input or output, with the tensor that the last run had over it. */
class Stage {
  readonly bytes = new Uint8Array(new ArrayBuffer(stagedBytes))
  private tensor: NativeTensor | undefined
  private datatype: DataType.DataType | undefined

  view(datatype: DataType.DataType, elements: number, dims: ReadonlyArray<number>): NativeTensor {
    const last = this.tensor
    if (last !== undefined && this.datatype === datatype && sameDims(last.dims, dims)) return last
    this.datatype = datatype
    this.tensor = NativeView.tensor(datatype, this.bytes.buffer, 0, elements, dims)
    return this.tensor
  }
}

const sameDims = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Frees outputs that lie in memory of the runtime: left to the garbage collector, large ones make it run every few dozen requests. */
const detach = (buffer: ArrayBuffer): void => {
  if (!buffer.detached) buffer.transfer(0)
}

/** @category models */
export interface Options {
  readonly model: string
  readonly layout: RunRequest.Layout
  readonly outputTypes: ReadonlyArray<DataType.DataType>
  readonly memory: TensorMemory["Service"]
  readonly session: OrtSession
}

/** @category models */
export class InlineRunner {
  private readonly options: Options
  private readonly inputs: ReadonlyArray<Stage>
  private readonly outputs: ReadonlyArray<Stage>
  /** Milliseconds of `performance.now`: when the last run of the session began, and when it had ended. */
  began = 0
  ended = 0

  constructor(options: Options) {
    this.options = options
    this.inputs = options.layout.inputs.map(() => new Stage())
    this.outputs = options.layout.outputs.map(() => new Stage())
  }

  /** Runs it once. Inputs are not used any more when it has ended; outputs belong to the caller until `release`. */
  run(inputs: ReadonlyArray<Tensor>, outputs: ReadonlyArray<string>): Exit.Exit<ExecutionResult, RunFailure> {
    const { layout, model } = this.options
    const refusal = RunRequest.refusal(layout, inputs, outputs)
    if (refusal !== undefined) return Exit.fail(refusal)
    const started = performance.now()
    const regions: Array<Region> = []
    const copies: Array<Region> = []
    try {
      return Exit.succeed(this.runOnce(started, inputs, outputs, regions, copies))
    } catch (error) {
      this.ended = performance.now()
      for (const region of regions) region.release()
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
    regions: Array<Region>,
    copies: Array<Region>
  ): ExecutionResult {
    const { layout, session } = this.options
    const feeds: Record<string, NativeTensor> = {}
    for (let i = 0; i < inputs.length; i++) feeds[inputs[i]!.name] = this.input(inputs[i]!, copies)
    const rows = RunRequest.rowsOf(layout, inputs)
    const fetches: Record<string, NativeTensor | null> = {}
    const asked: Array<Region | undefined> = []
    for (let i = 0; i < outputs.length; i++) fetches[outputs[i]!] = this.output(outputs[i]!, rows, asked, regions)
    this.began = performance.now()
    const inPlace = this.runNative(session, feeds, fetches, outputs)
    this.ended = performance.now()
    const buffers: Array<ArrayBuffer> = []
    const results: Array<Tensor> = []
    for (let i = 0; i < outputs.length; i++) {
      results.push(this.result(outputs[i]!, fetches[outputs[i]!]!, inPlace, asked[i], buffers))
    }
    if (!inPlace) { for (const region of regions.splice(0)) region.release() }
    return {
      outputs: results,
      begunAtNanos: clockOffset + started * 1e6,
      computeInputNanos: (this.began - started) * 1e6,
      computeInferNanos: (this.ended - this.began) * 1e6,
      computeOutputNanos: (performance.now() - this.ended) * 1e6,
      release: regions.length === 0 && buffers.length === 0 ? nothing : () => {
        for (const region of regions) region.release()
        for (const buffer of buffers) detach(buffer)
      }
    }
  }

  /** Puts what the runtime allocated into `fetches`. `false`: it did not take the memory that was meant for outputs. */
  private runNative(
    session: OrtSession,
    feeds: Record<string, NativeTensor>,
    fetches: Record<string, NativeTensor | null>,
    outputs: ReadonlyArray<string>
  ): boolean {
    try {
      const results = session.run(feeds, fetches)
      for (const name of outputs) fetches[name] ??= results[name]!
      return true
    } catch (error) {
      const asked = outputs.some((name) => fetches[name] !== null)
      if (!asked || !NativeView.refusedOutput.test(String(error))) throw error
      Object.assign(fetches, session.run(feeds, Object.fromEntries(outputs.map((name) => [name, null]))))
      const { layout } = this.options
      for (const name of outputs) layout.outputRules[layout.outputIndex.get(name)!]!.known = false
      return false
    }
  }

  private input({ data, datatype, name, shape }: Tensor, copies: Array<Region>): NativeTensor {
    const size = DataType.byteSize(datatype)
    const { byteLength } = data
    const elements = byteLength / size
    if (byteLength <= stagedBytes) {
      const stage = this.inputs[this.options.layout.inputIndex.get(name)!]!
      stage.bytes.set(data)
      return stage.view(datatype, elements, shape)
    }
    let bytes = data
    if (data.byteOffset % size !== 0) {
      const region = this.options.memory.acquire(byteLength)
      copies.push(region)
      region.bytes.set(data)
      bytes = region.bytes
    }
    return NativeView.tensor(datatype, bytes.buffer, bytes.byteOffset, elements, shape)
  }

  /** Where an output is to go; `null`: wherever the runtime puts it. */
  private output(
    name: string,
    rows: number,
    asked: Array<Region | undefined>,
    regions: Array<Region>
  ): NativeTensor | null {
    const { layout, memory, outputTypes } = this.options
    const index = layout.outputIndex.get(name)!
    const rule = layout.outputRules[index]!
    const isRow = rule.axis !== BatchAxis.none
    if (!rule.known || (isRow && rows < 0)) {
      asked.push(undefined)
      return null
    }
    const datatype = outputTypes[index]!
    const byteLength = isRow ? rows * rule.byteLength : rule.byteLength
    const shape = isRow ? rule.shape.with(rule.axis, rows) : rule.shape
    const elements = byteLength / DataType.byteSize(datatype)
    if (byteLength <= stagedBytes) {
      asked.push(undefined)
      return this.outputs[index]!.view(datatype, elements, shape)
    }
    const region = memory.acquire(byteLength)
    asked.push(region)
    regions.push(region)
    return NativeView.tensor(datatype, region.bytes.buffer, region.bytes.byteOffset, elements, shape)
  }

  private result(
    name: string,
    found: NativeTensor,
    inPlace: boolean,
    region: Region | undefined,
    buffers: Array<ArrayBuffer>
  ): Tensor {
    const { datatype, shape } = { datatype: DataType.fromOrt(found.type)!.name, shape: found.dims }
    if (inPlace && region !== undefined) return { name, datatype, shape, data: region.bytes }
    const view = found.data as ArrayBufferView<ArrayBuffer>
    const { buffer, byteLength, byteOffset } = view
    if (byteLength <= stagedBytes) {
      return { name, datatype, shape, data: new Uint8Array(buffer, byteOffset, byteLength).slice() }
    }
    buffers.push(buffer)
    return { name, datatype, shape, data: new Uint8Array(buffer, byteOffset, byteLength) }
  }
}
