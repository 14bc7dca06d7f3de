import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Layer } from "effect"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import type { ModelTrace } from "../../src/schema/RequestTrace.ts"
import { Batcher } from "../../src/services/Batcher.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { queueOptions } from "./QueueOptions.ts"

const { settle } = Fakes

describe("a batch whose instance is lost", () => {
  for (const preserve of [false, true]) {
    it.effect(`runs again apart${preserve ? ", and is answered in order" : ""}`, () =>
      Effect.gen(function*() {
        const fakes = Fakes.make()
        const pool = Fakes.asOutput(yield* Fakes.pool(fakes, { count: 2 }), "Y")
        const batcher = yield* Batcher
        const options = queueOptions("m", {
          max_batch_size: 4,
          input: [{ name: "X", data_type: "TYPE_UINT8", dims: [1] }],
          output: [{ name: "Y", data_type: "TYPE_UINT8", dims: [1] }],
          dynamic_batching: { preserve_ordering: preserve, preferred_batch_size: [2] }
        })
        const scheduler = yield* batcher.open({ ...options, instances: pool })
        const answered: Array<number> = []
        const traced: Array<string> = []
        const traceOf = (value: number): ModelTrace => ({
          context: undefined,
          model: () => traceOf(value),
          wantsTensors: false,
          queued: () => traced.push(`${value} queued`),
          ran: ({ failure }) => traced.push(`${value} ran ${failure?.type ?? ""}`.trim()),
          retried: ({ type }) => traced.push(`${value} retried ${type}`),
          cached: () => {},
          tensors: () => {},
          ended: () => {}
        })
        const submit = (value: number) =>
          Effect.forkChild(
            Effect.exit(scheduler.submit({
              inputs: [{ name: "X", datatype: "UINT8", shape: [1, 1], data: Uint8Array.of(value) }],
              outputs: ["Y"],
              batchSize: 1,
              priority: 0,
              timeoutMicros: 0,
              deadlineMicros: 0,
              trace: value < 3 ? traceOf(value) : undefined
            })).pipe(Effect.tap(() => Effect.sync(() => answered.push(value)))),
            { startImmediately: true }
          )
        const fibers = [yield* submit(1), yield* submit(2)]
        yield* settle
        const victim = [...fakes.open.values()].find(({ running }) => running !== undefined)!
        victim.crash("test")
        yield* settle
        // One of the two runs by itself now; the other waits until the instance is back, or this one is done.
        assert.strictEqual(Fakes.running(fakes).length, 1)
        fibers.push(yield* submit(3), yield* submit(4))
        for (let i = 0; i < 4; i++) {
          Fakes.running(fakes)[0]?.finish()
          yield* settle
        }
        const exits = yield* Fiber.joinAll(fibers)
        assert.isTrue(exits.every(Exit.isSuccess))
        assert.deepStrictEqual(exits.map((exit) => (Exit.isSuccess(exit) ? exit.value.batchRows : 0)), [1, 1, 2, 2])
        assert.deepStrictEqual(answered, [1, 2, 3, 4])
        assert.strictEqual(options.statistics.counts().retries, 2)
        assert.deepStrictEqual(traced.filter((line) => line.startsWith("1")), [
          "1 queued",
          "1 retried InstanceLost",
          "1 ran"
        ])
        for (const exit of exits) if (Exit.isSuccess(exit)) exit.value.release()
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }
})

const layer = DynamicBatcher.layer.pipe(Layer.provideMerge(SharedTensorMemory.layer))
