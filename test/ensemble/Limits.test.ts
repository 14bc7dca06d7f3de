import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parseModelConfig } from "../../src/schema/proto/TextFormat.ts"

const parse = (limit: string) =>
  parseModelConfig(`ensemble_scheduling { max_inflight_requests: ${limit} }`, { path: "models/e/config.pbtxt" })

describe("max_inflight_requests in a file", () => {
  it("is a number from 0 on", () => {
    for (const limit of [0, 1, 4_294_967_295]) {
      const { config } = Result.getOrThrow(parse(String(limit)))
      assert.strictEqual(config.ensemble_scheduling?.max_inflight_requests, limit)
    }
  })

  it.each([
    ["-5", "Expected integer, got: -"],
    ["\"invalid_value\"", "Expected integer, got: \"invalid_value\""],
    ["12345678901", "Integer out of range (12345678901)"]
  ])("107 is refused where it is %s", (limit, expected) => {
    const parsed = parse(limit)
    assert.include(Result.isFailure(parsed) ? parsed.failure.pretty : "read", expected)
  })
})
