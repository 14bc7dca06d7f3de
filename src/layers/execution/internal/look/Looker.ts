/** Looks at models and measures them, one at a time. Loaded by the worker. */
import { performance } from "node:perf_hooks"
import type { MessagePort } from "node:worker_threads"
import * as DataType from "../../../../schema/DataType.ts"
import type { Found } from "../Mailbox.ts"
import * as NativeView from "../NativeView.ts"
import type { NativeTensor, OrtSession } from "../OrtSession.ts"
import * as Session from "../OrtSession.ts"
import type { FromLooker, Look, Measure, MeasuredInput, ToLooker } from "./LookTask.ts"

/** Runs before those that count: memory is found, caches are filled. */
const warmUps = 8

/** Runs that count in each size. */
const runs = 40

const zeros = (input: MeasuredInput, size: number): NativeTensor => {
  const { name } = DataType.fromOrt(input.type)!
  const dims = input.shapes[size]!
  const elements = dims.reduce((product, dim) => product * dim, 1)
  return NativeView.tensor(name, new ArrayBuffer(elements * DataType.byteSize(name)), 0, elements, dims)
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
  const feeds = Object.fromEntries(task.inputs.map((input) => [input.name, zeros(input, size)]))
  const fetches: Record<string, NativeTensor | null> = Object.fromEntries(task.outputs.map((name) => [name, null]))
  const first = used(() => {
    const results = session.run(feeds, fetches)
    for (const name of task.outputs) fetches[name] = again(results[name]!)
  })
  if (first > task.stopNanos) return first
  const run = () => void session.run(feeds, fetches)
  for (let i = 0; i < warmUps; i++) run()
  const times = Float64Array.from({ length: runs }, () => timed(run)).sort()
  return times[runs / 4]!
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
    for (let size = 0; size < sizes; size++) runNanos.push(measureRun(session!, task, size))
  } finally {
    session!.close()
  }
  return { _tag: "Measured", measured: { openNanos, runNanos } }
}

/** Answers what it is asked until it is told to end. @category constructors */
export const serve = (port: MessagePort): void => {
  port.on("message", (task: ToLooker) => {
    if (task === 0) return port.close()
    let answer: FromLooker
    try {
      answer = task._tag === "Look" ? look(task) : measure(task)
    } catch (error) {
      answer = { _tag: "Refused", reason: error instanceof Error ? error.message : String(error) }
    }
    port.postMessage(answer)
  })
}
