/** Looks at models and measures them, one at a time. Loaded by the worker. */
import { performance } from "node:perf_hooks"
import type { MessagePort } from "node:worker_threads"
import * as DataType from "../../../../schema/DataType.ts"
import type { Found } from "../Mailbox.ts"
import * as NativeView from "../NativeView.ts"
import type { NativeTensor, OrtSession } from "../OrtSession.ts"
import * as Session from "../OrtSession.ts"
import * as StringTensor from "../StringTensor.ts"
import type { FromLooker, Look, Measure, MeasuredInput, ToLooker } from "./LookTask.ts"

/** Runs before those that count: memory is found, caches are filled. */
const warmUps = 8

/** More of them where strings are read and written: that code is slow until it is compiled. */
const stringWarmUps = 150

/** Runs that count in each size. */
const runs = 40

const zeros = (input: MeasuredInput, size: number): NativeTensor => {
  const { name } = DataType.fromOrt(input.type)!
  const dims = input.shapes[size]!
  const elements = dims.reduce((product, dim) => product * dim, 1)
  return NativeView.tensor(name, new ArrayBuffer(elements * DataType.byteSize(name)), 0, elements, dims)
}

/** What a run of strings begins with: bytes as requests bring them. */
const stringBytes = (input: MeasuredInput, size: number): Uint8Array => {
  const elements = input.shapes[size]!.reduce((product, dim) => product * dim, 1)
  return StringTensor.encode(new Array<string>(elements).fill("0".repeat(input.stringLengths![size]!)))
}

const timed = (work: () => void): number => {
  const started = performance.now()
  work()
  return (performance.now() - started) * 1e6
}

/** The system counts processor time from tick to tick. */
const tickNanos = 4_000_000

/** Nanoseconds without those, beyond a tick, in which something that is done only once was kept waiting by others. */
const used = (work: () => void): number => {
  const before = process.threadCpuUsage()
  const nanos = timed(work)
  const { system, user } = process.threadCpuUsage(before)
  return Math.min(nanos, (system + user) * 1000 + tickNanos)
}

/** The memory of an output, for the next run to write into. */
const again = ({ data, dims, type }: NativeTensor): NativeTensor => {
  const { buffer, byteLength, byteOffset } = data as ArrayBufferView
  const { byteSize, name } = DataType.fromOrt(type)!
  return NativeView.tensor(name, buffer, byteOffset, byteLength / byteSize, dims)
}

/** What a run takes in one size, or what the first one took where that is too long. */
const measureRun = (session: OrtSession, task: Measure, size: number): number => {
  const feeds: Record<string, NativeTensor> = {}
  const strings: Array<{ readonly name: string; readonly bytes: Uint8Array; readonly dims: ReadonlyArray<number> }> = []
  for (const input of task.inputs) {
    if (input.stringLengths === undefined) feeds[input.name] = zeros(input, size)
    else strings.push({ name: input.name, bytes: stringBytes(input, size), dims: input.shapes[size]! })
  }
  const fetches: Record<string, NativeTensor | null> = Object.fromEntries(task.outputs.map((name) => [name, null]))
  const texts: Array<string> = []
  const runOnce = () => {
    for (const { bytes, dims, name } of strings) feeds[name] = StringTensor.tensor(name, bytes, dims)
    const results = session.run(feeds, fetches)
    for (const name of texts) StringTensor.encode(results[name]!.data as ReadonlyArray<string>)
    return results
  }
  const first = used(() => {
    const results = runOnce()
    for (const name of task.outputs) {
      if (results[name]!.type === "string") texts.push(name)
      else fetches[name] = again(results[name]!)
    }
  })
  if (first > task.stopNanos) return first
  const run = () => void runOnce()
  let fastest = Infinity
  for (let i = 0; i < warmUps; i++) fastest = Math.min(fastest, timed(run))
  if (task.limitNanos !== undefined && fastest > 4 * task.limitNanos) return fastest
  if (strings.length + texts.length > 0) { for (let i = 0; i < stringWarmUps; i++) run() }
  const times = Float64Array.from({ length: runs }, () => timed(run)).sort()
  return times[runs / 4]!
}

/** `Infinity` where the runtime refuses this size, and there is or will be another. */
const measureSize = (session: OrtSession, task: Measure, size: number, hasOther: boolean): number => {
  const isLast = size === task.inputs[0]!.shapes.length - 1
  try {
    return measureRun(session, task, size)
  } catch (error) {
    if (task.limitNanos === undefined || (isLast && !hasOther)) throw error
    return Infinity
  }
}

const look = ({ path, settings }: Look): FromLooker => {
  const session = Session.open(path, settings)
  session.close()
  return { _tag: "Seen", inputs: session.inputs, outputs: session.outputs }
}

/** To run a model with other types could end the process. */
const isCarried = ({ elementType, isTensor }: Found): boolean =>
  isTensor && DataType.fromOnnx(elementType)?.ort !== undefined

const measure = (task: Measure): FromLooker => {
  let session: OrtSession | undefined
  const openNanos = used(() => {
    session = Session.open(task.path, task.settings)
  })
  const runNanos: Array<number> = []
  try {
    const { inputs, outputs } = session!
    if (![...inputs, ...outputs].every(isCarried)) {
      return { _tag: "Refused", reason: "it has inputs or outputs that the binding cannot carry" }
    }
    const sizes = openNanos > task.stopNanos ? 0 : task.inputs[0]!.shapes.length
    for (let size = 0; size < sizes; size++) {
      const nanos = measureSize(session!, task, size, runNanos.some(Number.isFinite))
      runNanos.push(nanos)
      if (Number.isFinite(nanos) && nanos > (task.limitNanos ?? Infinity)) break
    }
  } finally {
    session!.close()
  }
  return { _tag: "Measured", measured: { openNanos, runNanos } }
}

/** Answers what it is asked until it is told to end; `tidy` is the last thing that it does. @category constructors */
export const serve = (port: MessagePort, tidy: () => void): void => {
  port.on("message", (task: ToLooker) => {
    if (task === 0) {
      tidy()
      return port.close()
    }
    let answer: FromLooker
    try {
      answer = task._tag === "Look" ? look(task) : measure(task)
    } catch (error) {
      answer = { _tag: "Refused", reason: error instanceof Error ? error.message : String(error) }
    }
    port.postMessage(answer)
  })
}
