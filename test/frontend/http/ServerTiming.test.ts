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

  it("tells the time on the wall beside the work of several models", () => {
    const text = serverTiming({
      queueNanos: 0,
      computeInputNanos: 0,
      computeInferNanos: 9e6,
      computeOutputNanos: 0,
      batchRows: 1,
      wallNanos: 5_432_100
    })
    assert.strictEqual(
      text,
      "queue;dur=0, compute_input;dur=0, compute_infer;dur=9, compute_output;dur=0, batch;desc=\"1\", wall;dur=5.432"
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
