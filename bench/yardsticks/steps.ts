/**
 * What a step of a sequence costs the thread that makes it, in microseconds of its CPU time, beside a call of the same model without
 * sequences: two numbers, the step's and the call's. The model has all controls and a state, and runs on ONNX Runtime; calls are
 * batched as steps are. With many callers the thread never waits.
 *
 * Usage: node bench/yardsticks/steps.ts SECONDS CALLERS (oldest|direct) (batched|unbatched)
 */
import { Effect, ManagedRuntime } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Server from "../../src/layers/Server.ts"
import type { SequenceStep } from "../../src/schema/Inference.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import * as InferenceServer from "../../src/services/InferenceServer.ts"
import { write } from "../models.ts"
import * as sequenceModels from "../sequenceModels.ts"

const [seconds, callers, strategy, plain] = process.argv.slice(2) as [
  string,
  string,
  "oldest" | "direct",
  "batched" | "unbatched"
]
const concurrency = Number(callers)
/** Calls of all callers together, in one go. */
const calls = 3200

const runtimeOf = (repository: string) => ManagedRuntime.make(Server.layerInProcess({ modelRepository: [repository] }))

type Runtime = ReturnType<typeof runtimeOf>

const inputs = [Tensor.from("INPUT", [1, 16], Int32Array.from({ length: 16 }, (_, i) => i))]

const ask = (model: string, sequence: SequenceStep | undefined) =>
  Effect.scoped(InferenceServer.infer({ model, inputs, sequence }))

const ids = Array.from({ length: concurrency }, (_, caller) => BigInt(caller + 1))
const begins = Effect.forEach(ids, (id) => ask("running", { id, start: true, end: false }), { discard: true })
const ends = Effect.forEach(ids, (id) => ask("running", { id, start: false, end: true }), { discard: true })

const rounds = (model: string, sequences: boolean) =>
  Effect.forEach(
    ids,
    (id) => {
      const one = ask(model, sequences ? { id, start: false, end: false } : undefined)
      return Effect.gen(function*() {
        for (let i = 0; i < calls / concurrency; i++) yield* one
      })
    },
    { concurrency: "unbounded", discard: true }
  )

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
try {
  write(
    join(folder, "steps"),
    "running",
    sequenceModels.running(),
    sequenceModels.runningConfig(sequenceModels.strategies[strategy])
  )
  write(
    join(folder, "calls"),
    "plain",
    sequenceModels.plain(),
    sequenceModels.plainConfig(plain === "batched" ? "dynamic_batching { }" : "")
  )
  const stepping = runtimeOf(join(folder, "steps"))
  const calling = runtimeOf(join(folder, "calls"))
  await stepping.runPromise(begins)

  const step = rounds("running", true)
  const call = rounds("plain", false)
  const costs = { step: 0, call: 0, rounds: 0 }
  const cost = async (runtime: Runtime, effect: typeof step): Promise<number> => {
    const before = process.threadCpuUsage()
    await runtime.runPromise(effect)
    const { system, user } = process.threadCpuUsage(before)
    return (system + user) / calls
  }
  const measure = async (millis: number) => {
    Object.assign(costs, { step: 0, call: 0, rounds: 0 })
    for (const end = performance.now() + millis; performance.now() < end; costs.rounds++) {
      costs.step += await cost(stepping, step)
      costs.call += await cost(calling, call)
    }
  }
  // The first seconds are those in which the code is compiled.
  await measure(4000)
  await measure(Number(seconds) * 1000)
  console.log((costs.step / costs.rounds).toFixed(2), (costs.call / costs.rounds).toFixed(2))
  await stepping.runPromise(ends)
  await stepping.dispose()
  await calling.dispose()
} finally {
  rmSync(folder, { recursive: true })
}
