import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as OversizeSplit from "../../src/layers/scheduling/internal/OversizeSplit.ts"
import { ExecutionFailed } from "../../src/schema/Errors.ts"
import type * as ModelConfig from "../../src/schema/ModelConfig.ts"
import type { Job, ModelScheduler } from "../../src/services/Scheduler.ts"
import { queueOptions } from "./QueueOptions.ts"

/** ROWS has its rows first, STATE in its second dimension, RATE none at all. */
const draft = {
  max_batch_size: 4,
  input: [
    { name: "ROWS", data_type: "TYPE_UINT8", dims: [2] },
    { name: "STATE", data_type: "TYPE_UINT8", dims: [3, 1] },
    { name: "RATE", data_type: "TYPE_UINT8", dims: [1] }
  ],
  output: [
    { name: "ROWS", data_type: "TYPE_UINT8", dims: [2] },
    { name: "STATE", data_type: "TYPE_UINT8", dims: [3, 1] },
    { name: "RATE", data_type: "TYPE_UINT8", dims: [1] }
  ],
  parameters: {
    "galatea.batch_dim.STATE": { string_value: "1" },
    "galatea.shared.RATE": { string_value: "true" }
  }
} satisfies Omit<ModelConfig.Draft, "name">

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => first + i)

const jobOf = (rows: number): Job => ({
  inputs: [
    { name: "ROWS", datatype: "UINT8", shape: [rows, 2], data: bytes(rows * 2, 0) },
    { name: "STATE", datatype: "UINT8", shape: [3, rows, 1], data: bytes(rows * 3, 100) },
    { name: "RATE", datatype: "UINT8", shape: [1], data: bytes(1, 7) }
  ],
  outputs: ["RATE", "ROWS", "STATE"],
  batchSize: rows,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0
})

/** Gives inputs back as outputs, notes the sizes, and fails the part of this number. */
const echo = (fails = -1) => {
  const sizes: Array<number> = []
  const counts = { held: 0 }
  const scheduler: ModelScheduler = {
    depth: () => ({ waiting: 0, running: 0 }),
    submit: (job) =>
      Effect.suspend(() => {
        if (sizes.push(job.batchSize) - 1 === fails) {
          return Effect.fail(new ExecutionFailed({ model: "m", message: "no" }))
        }
        counts.held++
        return Effect.succeed({
          outputs: job.outputs.map((name) => job.inputs.find((input) => input.name === name)!),
          begunAtNanos: 5,
          computeInputNanos: 1,
          computeInferNanos: 2,
          computeOutputNanos: 3,
          queueNanos: 4,
          batchRows: job.batchSize,
          release: () => void counts.held--
        })
      })
  }
  return { scheduler, sizes, counts }
}

describe("OversizeSplit", () => {
  it.effect("joins what it split, whatever dimension carries the batch, and frees everything", () =>
    Effect.promise(() =>
      fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 30 }), (rows) =>
        Effect.runPromise(Effect.gen(function*() {
          const memory = SharedTensorMemory.make()
          const { counts, scheduler, sizes } = echo()
          const options = { ...queueOptions("m", draft), instances: undefined as never }
          const job = jobOf(rows)
          const result = yield* OversizeSplit.wrap(scheduler, options, memory).submit(job)
          assert.isTrue(sizes.every((size) => size <= 4))
          assert.strictEqual(sizes.reduce((sum, size) => sum + size, 0), rows)
          assert.deepStrictEqual(result.outputs.map(({ name }) => name), ["RATE", "ROWS", "STATE"])
          for (const output of result.outputs) {
            const input = job.inputs.find(({ name }) => name === output.name)!
            assert.deepStrictEqual([...output.shape], [...input.shape])
            assert.deepStrictEqual(Array.from(output.data), Array.from(input.data))
          }
          assert.strictEqual(result.computeInferNanos, 2 * sizes.length)
          result.release()
          assert.strictEqual(counts.held, 0)
          assert.strictEqual(memory.usage().inUse, 0)
        }))))
    ))

  it.effect(
    "fails as a whole when a part fails, and frees the others",
    Effect.fnUntraced(function*() {
      const { counts, scheduler } = echo(1)
      const options = { ...queueOptions("m", draft), instances: undefined as never }
      const split = OversizeSplit.wrap(scheduler, options, SharedTensorMemory.make())
      assert.strictEqual((yield* Effect.flip(split.submit(jobOf(11))))._tag, "ExecutionFailed")
      assert.strictEqual(counts.held, 0)
    })
  )

  it("leaves a model alone that does not batch or lays its inputs one behind the other", () => {
    const { scheduler } = echo()
    const wrap = (changes: Omit<ModelConfig.Draft, "name">) =>
      OversizeSplit.wrap(
        scheduler,
        { ...queueOptions("m", { ...draft, ...changes }), instances: undefined as never },
        SharedTensorMemory.make()
      )
    assert.strictEqual(wrap({ max_batch_size: 0 }), scheduler)
    assert.strictEqual(
      wrap({ input: [{ name: "ROWS", data_type: "TYPE_UINT8", dims: [-1], allow_ragged_batch: true }] }),
      scheduler
    )
    assert.isTrue(wrap({}).splits)
  })
})
