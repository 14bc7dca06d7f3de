import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as InstanceParameters from "../../src/schema/InstanceParameters.ts"
import * as Config from "../../src/schema/ModelConfig.ts"

const config = (values: Readonly<Record<string, string>>, rest: Config.Draft = {}) =>
  Config.make({
    ...rest,
    name: "m",
    parameters: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { string_value: value }]))
  })

const nothing = {
  isolation: undefined,
  maxRunNanos: undefined,
  maxMemoryBytes: undefined,
  maxGrowthBytes: undefined,
  retry: undefined
}

describe("InstanceParameters", () => {
  it("reads every parameter in its unit", () => {
    assert.deepStrictEqual(InstanceParameters.read(config({})), Result.succeed(nothing))
    assert.deepStrictEqual(
      InstanceParameters.read(config({
        "galatea.isolation": "process",
        "galatea.max_run_microseconds": "50000",
        "galatea.max_memory_megabytes": "3",
        "galatea.max_memory_growth_megabytes": "2",
        "galatea.retry": "false"
      })),
      Result.succeed({
        isolation: "process",
        maxRunNanos: 50_000_000,
        maxMemoryBytes: 3 * 1024 * 1024,
        maxGrowthBytes: 2 * 1024 * 1024,
        retry: false
      })
    )
  })

  it("takes 0 for no bound", () => {
    assert.deepStrictEqual(
      InstanceParameters.read(config({ "galatea.max_run_microseconds": "0" })),
      Result.succeed({ ...nothing, maxRunNanos: Infinity })
    )
  })

  const faults: ReadonlyArray<readonly [key: string, value: string, expected: string]> = [
    ["galatea.isolation", "fork", "'auto' or 'inline' or 'thread' or 'process'"],
    ["galatea.max_run_microseconds", "1e3", "a whole number of microseconds, or 0 for no bound"],
    ["galatea.max_run_microseconds", "99999999999999999", "a whole number of microseconds, or 0 for no bound"],
    ["galatea.max_memory_megabytes", "-1", "a whole number of megabytes, or 0 for no bound"],
    ["galatea.max_memory_growth_megabytes", "", "a whole number of megabytes, or 0 for no bound"],
    ["galatea.retry", "yes", "'false' or 'true'"]
  ]
  for (const [key, value, expected] of faults) {
    it(`refuses '${value}' of ${key}`, () => {
      assert.deepStrictEqual(
        InstanceParameters.read(config({ [key]: value })),
        Result.fail(`parameter '${key}' of model 'm' must be ${expected}, got '${value}'`)
      )
    })
  }

  it("tries the runs of ONNX models without sequences again, unless the config says otherwise", () => {
    const onnx = { backend: "onnxruntime" }
    const custom = { backend: "custom" }
    assert.isTrue(InstanceParameters.retries(config({}, onnx)))
    assert.isFalse(InstanceParameters.retries(config({ "galatea.retry": "false" }, onnx)))
    assert.isFalse(InstanceParameters.retries(config({}, custom)))
    assert.isTrue(InstanceParameters.retries(config({ "galatea.retry": "true" }, custom)))
    assert.isFalse(InstanceParameters.retries(config({ "galatea.retry": "true" }, { ...onnx, sequence_batching: {} })))
  })
})
