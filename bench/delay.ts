/**
 * How late a batch leaves whose `max_queue_delay_microseconds` is over: on an idle server, and beside another model under load.
 *
 * A request that arrives alone waits for the whole delay; what it waited longer is the lateness. The load is `wrk` or `autocannon` over
 * HTTP on a second model of the same process, so both share the main thread.
 *
 * Usage: node bench/delay.ts [requests]
 */
import { Clock, Effect, Exit, Fiber } from "effect"
import * as DynamicBatcher from "../src/layers/scheduling/DynamicBatcher.ts"
import * as BatchLayout from "../src/layers/scheduling/internal/BatchLayout.ts"
import * as PreciseClock from "../src/layers/scheduling/PreciseClock.ts"
import { Books } from "../src/layers/telemetry/internal/Books.ts"
import * as ModelConfig from "../src/schema/ModelConfig.ts"
import * as ModelSignature from "../src/schema/ModelSignature.ts"
import type { Instances, LentInstance } from "../src/services/Executor.ts"
import type { Job } from "../src/services/Scheduler.ts"
import type { TensorMemory } from "../src/services/TensorMemory.ts"
import * as Server from "../test/integration/batching/Server.ts"
import { unusedRun, unusedSlots } from "./instances.ts"
import { drive, generator } from "./load.ts"
import { float32 } from "./requests.ts"

const requests = Number(process.argv[2] ?? 1500)

/** Longer than two measurements take. */
const loadSeconds = Math.ceil(requests * 2 * 0.006) + 1

const nothing = () => {}

/** Takes no time to run. */
const instances = (clock: Clock.Clock): Instances => {
  const lent: LentInstance = {
    name: "no-op",
    index: 0,
    accepts: () => true,
    quick: () => false,
    lost: Effect.never,
    start: (_inputs, _outputs, done) => {
      done(Exit.succeed({
        outputs: [],
        begunAtNanos: Number(clock.monotonicTimeNanosUnsafe()),
        computeInputNanos: 0,
        computeInferNanos: 0,
        computeOutputNanos: 0,
        release: nothing
      }))
      return { withdraw: () => false }
    }
  }
  return { count: 1, slots: unusedSlots(1), run: unusedRun, lend: Effect.succeed(lent), healthy: () => true }
}

const unusedMemory = {} as TensorMemory["Service"]

const job: Job = { inputs: [], outputs: [], batchSize: 1, priority: 0, timeoutMicros: 0, deadlineMicros: 0 }

/** Milliseconds that requests were late, ascending. */
const lateness = Effect.fnUntraced(function*(delayMicros: number) {
  const config = ModelConfig.make({
    name: "m",
    max_batch_size: 8,
    dynamic_batching: { max_queue_delay_microseconds: BigInt(delayMicros) }
  })
  const version = {
    config,
    version: 1,
    plan: { model: "m", version: 1, path: "", inputs: [], outputs: [], batched: true, instances: [], session: {} },
    signature: ModelSignature.make(config),
    instances: instances(yield* Clock.Clock),
    statistics: new Books("m", 1, () => 0)
  }
  const layout = BatchLayout.make({ ...version, memory: unusedMemory })
  const { submit } = yield* DynamicBatcher.open(version, layout, {})
  const late: Array<number> = []
  for (let i = 0; i < requests; i++) {
    const { queueNanos } = yield* submit(job)
    late.push((queueNanos - delayMicros * 1000) / 1e6)
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
  }
  return late.sort((a, b) => a - b)
}, Effect.scoped)

const at = (sorted: ReadonlyArray<number>, part: number): string =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(3)

const row = (...cells: ReadonlyArray<string>) => process.stdout.write(`| ${cells.join(" | ")} |\n`)

const measure = (title: string, delayMicros: number) =>
  Effect.map(
    lateness(delayMicros),
    (late) => row(title, `${delayMicros} µs`, at(late, 0), at(late, 0.5), at(late, 0.99), at(late, 1))
  )

const underLoad = Effect.fnUntraced(function*(connections: number) {
  const server = yield* Server.start({
    config: {
      max_batch_size: 8,
      input: [{ name: "INPUT0", data_type: "TYPE_FP32", dims: [16] }],
      output: [{ name: "OUTPUT0", data_type: "TYPE_FP32", dims: [16] }],
      dynamic_batching: {}
    }
  })
  const { body, headers } = float32("INPUT0", [1, 16])
  const url = `http://127.0.0.1:${server.port}/v2/models/${Server.modelName}/infer`
  const load = Effect.promise(() => drive({ url, body, headers, connections, seconds: loadSeconds }))
  const driving = yield* Effect.forkChild(load, { startImmediately: true })
  for (const delay of [100, 1500]) yield* measure(`${connections} connections`, delay)
  // Ended before: then the last figures are those of an idle thread.
  if (driving.pollUnsafe() !== undefined) process.stdout.write("The load ended too early.\n")
  return (yield* Fiber.join(driving)).perSecond
}, Effect.scoped)

const program = Effect.gen(function*() {
  row("Main thread", "Delay", "least", "p50", "p99", "most")
  row("---", "---", "---:", "---:", "---:", "---:")
  const precise = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, PreciseClock.layer)
  for (const delay of [100, 1500]) yield* precise(measure("idle", delay))
  for (const delay of [100, 1500]) yield* measure("idle, without PreciseClock", delay)
  const loads: Array<string> = []
  for (const connections of [1, 32]) {
    const perSecond = yield* precise(underLoad(connections))
    loads.push(`${connections}: ${perSecond.toFixed(0)} requests/s`)
  }
  process.stdout.write(
    `\nMilliseconds late, ${requests} requests each. Load of ${generator} by connections: ${loads.join(", ")}.\n`
  )
})

await Effect.runPromise(Effect.scoped(program))
