import { assert, describe, it } from "@effect/vitest"
import { Deadline } from "../../../src/layers/frontend/internal/infer/Deadline.ts"

describe("Deadline", () => {
  it("counts down from the arrival of the request, in whole microseconds", () => {
    const deadline = new Deadline(250, 1000)
    assert.deepStrictEqual([1000, 1000.5, 1249.9, 1249.9999].map((now) => deadline.leftMicros(now)), [
      250_000,
      249_500,
      100,
      1
    ])
  })

  it("has passed from its moment on, and is never negative", () => {
    const deadline = new Deadline(250, 1000)
    assert.deepStrictEqual([1250, 1250.1, 1e9].map((now) => deadline.leftMicros(now)), [0, 0, 0])
  })

  it("leaves at least a microsecond while it has not passed: 0 would mean never", () => {
    assert.strictEqual(new Deadline(1e-9, 0).leftMicros(0), 1)
  })

  it("is at most as far away as a timer reaches", () => {
    for (const millis of [2 ** 31, 1e300, Infinity]) {
      assert.strictEqual(new Deadline(millis, 5).leftMicros(5), 2147483647_000)
    }
  })

  it("has passed at once when its time is too short for a number", () => {
    assert.strictEqual(new Deadline(0, 5).leftMicros(5), 0)
  })

  it("fails with the limit and the time that was spent", () => {
    const failure = new Deadline(20, 1000).exceeded(1031.4567)
    assert.strictEqual(failure._tag, "DeadlineExceeded")
    assert.match(failure.message, /^The deadline of 20 ms passed .* took 31\.457 ms\./)
  })

  it("starts now where no arrival is given", () => {
    const left = new Deadline(60_000).leftMicros()
    assert.isAbove(left, 50_000_000)
    assert.isAtMost(left, 60_000_000)
  })
})
