import { assert, describe, it } from "@effect/vitest"
import { InferenceServerError } from "../../src/client/InferenceServerError.ts"
import { delayMillis } from "../../src/client/Retry.ts"

const busy = (retryAfterMillis?: number) =>
  new InferenceServerError("full", {
    code: "UNAVAILABLE",
    request: "POST /",
    status: 503,
    retryable: true,
    retryAfterMillis
  })

describe("the pause before the next try", () => {
  it("doubles, up to a bound", () => {
    const delays = [1, 2, 3, 4, 5].map((failures) =>
      delayMillis({ attempts: 9, baseDelayMillis: 100, maxDelayMillis: 600 }, busy(), failures, 0)
    )
    assert.deepStrictEqual(delays, [100, 200, 400, 600, 600])
  })

  it("leaves out a random part, up to a half", () => {
    assert.strictEqual(delayMillis({}, busy(), 1, 1), 50)
    assert.strictEqual(delayMillis({}, busy(), 1, 0.5), 75)
  })

  it("is at least what the server wants", () => {
    assert.strictEqual(delayMillis({}, busy(2000), 1, 0), 2000)
    assert.strictEqual(delayMillis({ maxDelayMillis: 10 }, busy(2000), 1, 0), 2000)
    assert.strictEqual(delayMillis({}, busy(1), 1, 0), 100)
  })

  it("is none where the server wants one that is too long", () => {
    assert.strictEqual(delayMillis({}, busy(30_000), 1, 0), 30_000)
    assert.isUndefined(delayMillis({}, busy(30_001), 1, 0))
    assert.strictEqual(delayMillis({ maxRetryAfterMillis: 3_600_000 }, busy(3_600_000), 1, 0), 3_600_000)
  })

  it("does not come after the last try, after errors that stay, or where none is wanted", () => {
    assert.isUndefined(delayMillis({ attempts: 3 }, busy(), 3, 0))
    assert.strictEqual(delayMillis({ attempts: 3 }, busy(), 2, 0), 200)
    assert.isUndefined(delayMillis({ attempts: 1 }, busy(), 1, 0))
    assert.isUndefined(delayMillis(false, busy(), 1, 0))
    assert.isUndefined(delayMillis({}, new Error("other"), 1, 0))
    assert.isUndefined(
      delayMillis({}, new InferenceServerError("no", { code: "NOT_FOUND", request: "GET /" }), 1, 0)
    )
  })
})
