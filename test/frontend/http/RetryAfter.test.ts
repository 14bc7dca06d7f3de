import { assert, describe, it } from "@effect/vitest"
import { headerOf } from "../../../src/layers/frontend/internal/http/RetryAfter.ts"
import { codes, InferenceError, InferenceFailure, ModelSuspended } from "../../../src/schema/Errors.ts"

const failures = InferenceFailure.members.map((member) =>
  new member({
    message: "m",
    model: "m",
    capacity: 1,
    instance: "i",
    begun: false,
    sequence: "1",
    retryAfterMillis: 1500
  })
)

describe("Retry-After", () => {
  for (const reason of failures) {
    const { isRetryable } = new InferenceError({ reason })
    it(`${isRetryable ? "is sent" : "is not sent"} with ${reason._tag}`, () => {
      const header = headerOf(reason)
      assert.strictEqual(codes[reason.code].http === 503, isRetryable)
      if (isRetryable) {
        assert.strictEqual(header[0], "Retry-After")
        assert.match(header[1]!, /^[1-9]\d*$/)
      } else {
        assert.deepStrictEqual(header, [])
      }
    })
  }

  it("is the rest of its pause for a suspended model, and never nothing", () => {
    const header = (retryAfterMillis: number) =>
      headerOf(new ModelSuspended({ message: "m", model: "m", retryAfterMillis }))[1]
    assert.deepStrictEqual([header(1500), header(1000), header(0)], ["2", "1", "1"])
  })

  it("is not sent with a load that is not allowed, or for no failure at all", () => {
    assert.deepStrictEqual([headerOf({ _tag: "ControlNotAllowed" }), headerOf({})], [[], []])
  })
})
