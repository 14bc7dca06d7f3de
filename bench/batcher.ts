/**
 * What the batcher itself costs: callers that submit in a loop, an executor that does nothing, and rows that are not copied.
 * Then what a request costs that waits.
 *
 * Usage: node --expose-gc bench/batcher.ts
 */
import { Effect, Exit, Fiber } from "effect"
import * as DynamicBatcher from "../src/layers/scheduling/DynamicBatcher.ts"
import type { BatchLayout } from "../src/layers/scheduling/internal/BatchLayout.ts"
import { Books } from "../src/layers/telemetry/internal/Books.ts"
import * as ModelConfig from "../src/schema/ModelConfig.ts"
import * as ModelSignature from "../src/schema/ModelSignature.ts"
import type { ExecutionResult, Instances, LentInstance } from "../src/services/Executor.ts"
import type { Job, JobFailure, JobResult } from "../src/services/Scheduler.ts"
import { unusedRun, unusedSlots } from "./instances.ts"

const nothing = () => {}
const result: ExecutionResult = {
  outputs: [],
  begunAtNanos: 0,
  computeInputNanos: 0,
  computeInferNanos: 0,
  computeOutputNanos: 0,
  release: nothing
}

/** Ends each run in the next turn, as a thread would, but not before `gate` is over. */
const instances = (gate: Promise<void>): Instances => {
  const lent: LentInstance = {
    name: "no-op",
    index: 0,
    accepts: () => true,
    quick: () => false,
    lost: Effect.never,
    start: (_inputs, _outputs, done) => {
      if (gate === opened) setImmediate(() => done(Exit.succeed(result)))
      else void gate.then(() => done(Exit.succeed(result)))
      return { withdraw: () => false }
    }
  }
  return { count: 1, slots: unusedSlots(1), run: unusedRun, lend: Effect.succeed(lent), healthy: () => true }
}

const opened = Promise.resolve()

const part = { outputs: [], release: nothing }
const layout: BatchLayout = {
  passesAlone: true,
  keyOf: () => undefined,
  sameKey: () => true,
  gather: (jobs) => ({ inputs: [], outputs: [], rows: jobs.length, release: nothing }),
  scatter: (jobs) => jobs.map(() => ({ _tag: "Success", success: part }) as never)
}

const job: Job = { inputs: [], outputs: [], batchSize: 1, priority: 0, timeoutMicros: 0, deadlineMicros: 0 }

const batcher = (maxBatchSize: number, gate: Promise<void>, maxQueueSize: number) => {
  const config = ModelConfig.make({ name: "m", max_batch_size: maxBatchSize, dynamic_batching: {} })
  return DynamicBatcher.open(
    {
      config,
      version: 1,
      plan: { model: "m", version: 1, path: "", inputs: [], outputs: [], batched: true, instances: [], session: {} },
      signature: ModelSignature.make(config),
      instances: instances(gate),
      statistics: new Books("m", 1, () => 0)
    },
    layout,
    { maxQueueSize }
  )
}

const overhead = (callers: number, maxBatchSize: number, requests: number) =>
  Effect.gen(function*() {
    const { submit } = yield* batcher(maxBatchSize, opened, 16_384)
    const rounds = Math.ceil(requests / callers)
    const caller = Effect.gen(function*() {
      for (let i = 0; i < rounds; i++) yield* submit(job)
    })
    const all = Effect.forEach(Array.from({ length: callers }), () => caller, {
      concurrency: "unbounded",
      discard: true
    })
    yield* all
    const began = performance.now()
    yield* all
    return (performance.now() - began) * 1000 / (rounds * callers)
  }).pipe(Effect.scoped)

const waiting = (count: number) =>
  Effect.gen(function*() {
    const gate = Promise.withResolvers<void>()
    const { submit } = yield* batcher(32, gate.promise, count + 1)
    const before = memory()
    const fibers: Array<Fiber.Fiber<JobResult, JobFailure>> = []
    for (let i = 0; i < count; i++) fibers.push(yield* Effect.forkChild(submit(job), { startImmediately: true }))
    const after = memory()
    gate.resolve()
    yield* Fiber.joinAll(fibers)
    return (after - before) / count
  })

const memory = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const bare = (count: number) =>
  Effect.gen(function*() {
    const before = memory()
    const fibers: Array<Fiber.Fiber<never>> = []
    for (let i = 0; i < count; i++) fibers.push(yield* Effect.forkChild(Effect.never, { startImmediately: true }))
    const after = memory()
    yield* Fiber.interruptAll(fibers)
    return (after - before) / count
  })

const main = Effect.gen(function*() {
  for (const [callers, size] of [[64, 8], [512, 8], [64, 32], [512, 32]] as const) {
    const micros: Array<number> = []
    for (let i = 0; i < 5; i++) micros.push(yield* overhead(callers, size, 200_000))
    const sorted = micros.toSorted((a, b) => a - b)
    process.stdout.write(
      `${callers} callers, batches of ${size}: ${sorted[2]!.toFixed(2)} µs a request (${sorted[0]!.toFixed(2)}–${
        sorted[4]!.toFixed(2)
      })\n`
    )
  }
  if (globalThis.gc === undefined) return
  const fiber = yield* bare(100_000)
  const request = yield* Effect.scoped(waiting(100_000))
  process.stdout.write(
    `100000 waiting requests: ${request.toFixed(0)} bytes each with the caller's fiber, of which the fiber takes ${
      fiber.toFixed(0)
    }\n`
  )
})

await Effect.runPromise(main)
