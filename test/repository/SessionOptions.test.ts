import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as BackendSettings from "../../src/layers/repository/internal/BackendSettings.ts"
import * as SessionOptions from "../../src/layers/repository/internal/SessionOptions.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"

const backend = Result.getOrThrow(BackendSettings.read([]))

const parameters = (values: Readonly<Record<string, string>>) =>
  ModelConfig.make({
    name: "m",
    parameters: Object.fromEntries(Object.entries(values).map(([key, string_value]) => [key, { string_value }]))
  })

const read = (values: Readonly<Record<string, string>>, settings = backend) =>
  SessionOptions.read(parameters(values), settings)

const settingsOf = (values: Readonly<Record<string, string>>, settings = backend) =>
  Result.getOrThrow(read(values, settings)).settings

const failureOf = (result: ReturnType<typeof SessionOptions.read>) => {
  assert.isTrue(Result.isFailure(result))
  return Result.isFailure(result) ? result.failure : undefined
}

describe("SessionOptions", () => {
  it("leaves the executor its choice where the config says nothing", () => {
    assert.deepStrictEqual(Result.getOrThrow(read({})), {
      settings: {
        intraOpNumThreads: undefined,
        interOpNumThreads: undefined,
        executionMode: "sequential",
        graphOptimizationLevel: "all",
        enableCpuMemArena: undefined,
        enableMemPattern: undefined,
        configEntries: undefined
      },
      warnings: []
    })
  })

  it("reads integers by their prefix and booleans in any case", () => {
    const settings = settingsOf({
      intra_op_thread_count: "4abc",
      inter_op_thread_count: " 2",
      execution_mode: "1",
      enable_mem_arena: "OFF",
      enable_mem_pattern: "True",
      "session.intra_op.allow_spinning": "0",
      "session.use_device_allocator_for_initializers": "1",
      anything_else: "x"
    })
    assert.strictEqual(settings.intraOpNumThreads, 4)
    assert.strictEqual(settings.interOpNumThreads, 2)
    assert.strictEqual(settings.executionMode, "parallel")
    assert.isFalse(settings.enableCpuMemArena)
    assert.isTrue(settings.enableMemPattern)
    assert.deepStrictEqual(settings.configEntries, {
      "session.intra_op.allow_spinning": "0",
      "session.use_device_allocator_for_initializers": "1"
    })
  })

  it("ignores thread counts that are not positive and takes those of the backend instead", () => {
    const settings = Result.getOrThrow(BackendSettings.read([
      { scope: "onnxruntime", key: "intra_op_thread_count", value: "3" },
      { scope: "", key: "inter_op_thread_count", value: "5" }
    ]))
    assert.strictEqual(settingsOf({ intra_op_thread_count: "0" }, settings).intraOpNumThreads, 3)
    assert.strictEqual(settingsOf({ intra_op_thread_count: "-1" }).intraOpNumThreads, undefined)
    assert.strictEqual(settingsOf({ intra_op_thread_count: "2" }, settings).intraOpNumThreads, 2)
    assert.strictEqual(settingsOf({}, settings).interOpNumThreads, undefined)
  })

  it("refuses values that cannot be read, with Triton's texts first", () => {
    const cases: ReadonlyArray<readonly [key: string, value: string, text: string]> = [
      ["intra_op_thread_count", "many", "failed to convert 'many' to integral number"],
      ["execution_mode", "", "failed to convert '' to integral number"],
      ["enable_mem_arena", "yes", "failed to convert 'yes' to boolean"],
      [
        "execution_mode",
        "2",
        "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got 2 ."
      ]
    ]
    for (const [key, value, text] of cases) {
      const failure = failureOf(read({ [key]: value }))
      assert.strictEqual(failure?.code, "INVALID_ARG")
      assert.isTrue(failure?.message.startsWith(text), failure?.message)
    }
  })

  it("maps optimisation levels", () => {
    const cases = [[-1, "basic"], [0, "all"], [1, "extended"], [2, "disabled"], [7, "all"]] as const
    for (const [level, expected] of cases) {
      const config = ModelConfig.make({ name: "m", optimization: { graph: { level } } })
      const result = Result.getOrThrow(SessionOptions.read(config, backend))
      assert.strictEqual(result.settings.graphOptimizationLevel, expected)
    }
  })
})

describe("BackendSettings", () => {
  const size = (...settings: ReadonlyArray<readonly [scope: string, value: string]>) =>
    Result.map(
      BackendSettings.read(settings.map(([scope, value]) => ({ scope, key: "default-max-batch-size", value }))),
      ({ defaultMaxBatchSize }) => defaultMaxBatchSize
    )

  it("prefers the backend's own setting, then the last", () => {
    assert.deepStrictEqual(size(), Result.succeed(4))
    assert.deepStrictEqual(size(["", "8"]), Result.succeed(8))
    assert.deepStrictEqual(size(["onnxruntime", "2"], ["", "8"]), Result.succeed(2))
    assert.deepStrictEqual(size(["", "8"], ["", "9"]), Result.succeed(9))
    assert.deepStrictEqual(size(["tensorrt", "8"]), Result.succeed(4))
    assert.deepStrictEqual(size(["", "-3"]), Result.succeed(0))
    assert.deepStrictEqual(
      size(["", "x"]),
      Result.fail("failed to convert 'x' to integral number (backend setting 'default-max-batch-size')")
    )
  })
})
