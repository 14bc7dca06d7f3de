import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as HeaderLength from "../../../src/layers/frontend/internal/infer/HeaderLength.ts"

const refuse = (header: string): string => {
  const result = HeaderLength.parse(header, 100)
  return Result.isFailure(result) ? result.failure.message : assert.fail(`accepted ${header}`)
}

describe("HeaderLength", () => {
  it("accepts lengths within the body", () => {
    assert.isUndefined(Result.getOrThrow(HeaderLength.parse(undefined, 100)))
    for (const header of ["0", "1", "100"]) {
      assert.strictEqual(Result.getOrThrow(HeaderLength.parse(header, 100)), Number(header))
    }
  })

  it("refuses all else with Triton's words", () => {
    for (const header of ["", "abc", "1.5", "-"]) {
      assert.strictEqual(refuse(header), `Unable to parse Inference-Header-Content-Length, got: ${header}`)
    }
    for (const header of ["2147483648", "-2147483649", "99999999999999999999"]) {
      assert.strictEqual(
        refuse(header),
        `Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: ${header}`
      )
    }
    for (const header of ["101", "-1"]) {
      assert.strictEqual(refuse(header), `inference header size should be in range (0, 100), got: ${header}`)
    }
  })
})
