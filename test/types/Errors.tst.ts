import { expect, test } from "tstyche"
import type { InferenceError, InferenceFailure } from "../../src/schema/Errors.ts"

test("InferenceError", () => {
  expect<InferenceError["reason"]>().type.toBe<InferenceFailure>()
})
