import { assert, describe, it } from "@effect/vitest"
import { serverTiming } from "../../../src/layers/frontend/internal/http/ServerTiming.ts"

describe("Server-Timing", () => {
  it("tells milliseconds, and the rows of the batch", () => {
    assert.strictEqual(
      serverTiming({
        queueNanos: 120_000,
        computeInputNanos: 0,
        computeInferNanos: 12_345_678.9,
        computeOutputNanos: 499,
        batchRows: 8
      }),
      "queue;dur=0.12, compute_input;dur=0, compute_infer;dur=12.346, compute_output;dur=0, batch;desc=\"8\""
    )
  })

  it("never writes an exponent, however short or long the time", () => {
    for (const nanos of [1, 600, 1e3, 1e15, 9e18]) {
      const text = serverTiming({
        queueNanos: nanos,
        computeInputNanos: nanos,
        computeInferNanos: nanos,
        computeOutputNanos: nanos,
        batchRows: 1
      })
      assert.match(text, /^(\w+;dur=\d+(\.\d{1,3})?, ){4}batch;desc="1"$/)
    }
  })
})
