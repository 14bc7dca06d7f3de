import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ExecutionProviders from "../../../src/layers/repository/internal/config/ExecutionProviders.ts"
import { normaliseInstanceGroups } from "../../../src/layers/repository/internal/config/Normalise.ts"
import { validateAccelerators } from "../../../src/layers/repository/internal/config/ValidateAccelerators.ts"
import type { FoundDevice, GpuSupport } from "../../../src/services/Executor.ts"
import { parse, twoGpus } from "./Stages.ts"

const accelerated = (text: string, kind: string, more = "") =>
  normaliseInstanceGroups(
    parse(
      `name: "m" backend: "onnxruntime" optimization { execution_accelerators { ${text} } } ` +
        `instance_group { kind: ${kind} } ${more}`
    ),
    twoGpus
  )

const gpu = (text: string) => `gpu_execution_accelerator { ${text} }`
const parameter = (key: string, value: string) => `parameters { key: "${key}" value: "${value}" }`
const setting = (key: string, value: string) => `parameters { key: "${key}" value { string_value: "${value}" } }`

describe("validateAccelerators", () => {
  const message = (text: string, kind: string, more?: string) => {
    const result = validateAccelerators(accelerated(text, kind, more))
    return Result.isFailure(result) ? result.failure.message : undefined
  }
  const unknown = "unknown Execution Accelerator 'x' is requested"
  const cases: ReadonlyArray<readonly [text: string, kind: string, expected: string | undefined, more?: string]> = [
    ["cpu_execution_accelerator { name: \"x\" }", "KIND_CPU", unknown],
    [gpu("name: \"x\""), "KIND_GPU", unknown],
    [gpu("name: \"x\""), "KIND_AUTO", unknown],
    [gpu("name: \"x\""), "KIND_CPU", undefined],
    ["cpu_execution_accelerator { name: \"openvino\" }", "KIND_CPU", undefined],
    [gpu(`name: "cuda" ${parameter("anything", "x")}`), "KIND_GPU", undefined],
    [gpu(`name: "tensorrt" ${parameter("precision_mode", "BF16")}`), "KIND_GPU", undefined],
    [gpu(`name: "tensorrt" ${parameter("trt_engine_cache_enable", "1")}`), "KIND_GPU", undefined],
    [
      gpu(`name: "tensorrt" ${parameter("precision_mode", "FP8")}`),
      "KIND_GPU",
      "unsupported precision mode 'FP8' is requested"
    ],
    [
      gpu(`name: "tensorrt" ${parameter("engine_cache_enable", "1")}`),
      "KIND_GPU",
      "unknown parameter 'engine_cache_enable' is provided for TensorRT Execution Accelerator"
    ],
    [gpu(`name: "webgpu" ${parameter("preferredLayout", "NHWC")}`), "KIND_GPU", undefined],
    [
      gpu(`name: "webgpu" ${parameter("preferredLayout", "CHWN")}`),
      "KIND_GPU",
      "parameter 'preferredLayout' of the execution accelerator 'webgpu' is 'CHWN', expected NCHW or NHWC"
    ],
    [
      gpu(`name: "webgpu" ${parameter("prefered_layout", "NHWC")}`),
      "KIND_GPU",
      "unknown parameter 'prefered_layout' of the execution accelerator 'webgpu': did you mean 'preferredLayout'?"
    ],
    [
      gpu(`name: "directml" ${parameter("x", "1")}`),
      "KIND_GPU",
      "unknown parameter 'x' of the execution accelerator 'directml': it has none"
    ],
    [
      gpu(`name: "coreml" ${parameter("coreMlFlags", "0x1")}`),
      "KIND_GPU",
      "parameter 'coreMlFlags' of the execution accelerator 'coreml' is '0x1', expected a whole number, the sum of ONNX " +
      "Runtime's COREML_FLAG_… values"
    ],
    ["", "KIND_GPU", undefined, setting("cudnn_conv_algo_search", "2")],
    [
      "",
      "KIND_GPU",
      "unsupported cudnn_conv_algo_search value '3' is requested",
      setting("cudnn_conv_algo_search", "3")
    ],
    ["", "KIND_GPU", "unsupported arena_extend_strategy value '2' is requested", setting("arena_extend_strategy", "2")],
    [
      "",
      "KIND_GPU",
      "failed to convert 'much' to integral number (parameter 'gpu_mem_limit')",
      setting("gpu_mem_limit", "much")
    ],
    ["", "KIND_CPU", undefined, setting("gpu_mem_limit", "much")]
  ]
  for (const [text, kind, expected, more] of cases) {
    it(`${expected === undefined ? "accepts" : "refuses"} ${kind} ${text}${more ?? ""}`, () => {
      assert.strictEqual(message(text, kind, more), expected)
    })
  }
})

describe("ExecutionProviders", () => {
  const device = (id: number, ...providers: ReadonlyArray<string>): FoundDevice => ({ kind: "GPU", id, providers })
  const support: GpuSupport = { minimumComputeCapability: 0, missing: { tensorrt: "its library is not there" } }
  const cpu: FoundDevice = { kind: "CPU", id: 0 }

  const choose = (
    text: string,
    devices: ReadonlyArray<FoundDevice>,
    options: { readonly kind?: string; readonly more?: string } = {}
  ) =>
    ExecutionProviders.choose(accelerated(text, options.kind ?? "KIND_GPU", options.more), [cpu, ...devices], support)
  const names = (text: string, devices: ReadonlyArray<FoundDevice>, more?: string) =>
    Result.getOrThrow(choose(text, devices, more === undefined ? {} : { more })).of(0)?.map(({ name }) => name)

  it("takes the best that a GPU has where nothing is asked for, TensorRT never", () => {
    assert.deepStrictEqual(names("", [device(0, "cuda", "tensorrt", "webgpu")]), ["cuda"])
    assert.deepStrictEqual(names("", [device(0, "tensorrt", "webgpu")]), ["webgpu"])
    assert.deepStrictEqual(names("", [device(0, "webgpu"), device(1, "cuda")]), ["webgpu"])
  })

  it("asks in the config's order, CUDA behind TensorRT", () => {
    const all = [device(0, "cuda", "tensorrt", "webgpu")]
    assert.deepStrictEqual(names(gpu("name: \"tensorrt\""), all), ["tensorrt", "cuda"])
    assert.deepStrictEqual(names(gpu("name: \"tensorrt\"") + gpu("name: \"cuda\""), all), ["tensorrt", "cuda"])
    assert.deepStrictEqual(names(gpu("name: \"webgpu\""), all), ["webgpu"])
    assert.deepStrictEqual(names(gpu("name: \"directml\""), [device(0, "webgpu", "dml")]), ["dml"])
  })

  it("has nothing for a GPU that no instance is on, and nothing on the CPU", () => {
    const chosen = Result.getOrThrow(choose("", [device(0, "webgpu"), device(7, "webgpu")]))
    assert.isUndefined(chosen.of(7))
    const onCpu = Result.getOrThrow(choose(gpu("name: \"tensorrt\""), [device(0, "webgpu")], { kind: "KIND_CPU" }))
    assert.isUndefined(onCpu.of(0))
    assert.deepStrictEqual(onCpu.warnings, [
      "model 'm' asks for the execution accelerator 'tensorrt' on GPUs, but has no instance on one."
    ])
  })

  it("refuses what the GPU does not run, with what is missing, unless the config says that it may run without", () => {
    const asked = gpu("name: \"tensorrt\"")
    const refused = choose(asked, [device(0, "webgpu")])
    assert.isTrue(Result.isFailure(refused))
    if (Result.isFailure(refused)) {
      assert.deepStrictEqual(refused.failure, {
        code: "UNSUPPORTED",
        message:
          "model 'm' asks for the execution accelerator 'tensorrt', which GPU 0 does not run: its library is not " +
          "there, or set the parameter galatea.provider_fallback to \"true\" to run without it"
      })
    }
    const more = setting("galatea.provider_fallback", "TRUE")
    const allowed = Result.getOrThrow(choose(asked, [device(0, "webgpu")], { more }))
    assert.deepStrictEqual(allowed.of(0), [{ name: "webgpu", options: {} }])
    assert.deepStrictEqual(allowed.warnings, [
      "model 'm' asks for the execution accelerator 'tensorrt', which GPU 0 does not run: its library is not there; it runs " +
      "without."
    ])
    const wrong = choose("", [device(0, "webgpu")], { more: setting("galatea.provider_fallback", "maybe") })
    assert.isTrue(
      Result.isFailure(wrong) && wrong.failure.message.includes("failed to convert 'maybe' to boolean")
    )
  })

  it("refuses OpenVINO, which the binding does not have", () => {
    const asked = "cpu_execution_accelerator { name: \"openvino\" }"
    const refused = choose(asked, [], { kind: "KIND_CPU" })
    assert.isTrue(
      Result.isFailure(refused) && refused.failure.message.includes("'openvino' on the CPU") &&
        refused.failure.message.includes("remove it from cpu_execution_accelerator")
    )
    const more = setting("galatea.provider_fallback", "on")
    assert.lengthOf(Result.getOrThrow(choose(asked, [], { kind: "KIND_CPU", more })).warnings, 1)
  })

  it("gives the binding the options that it carries, and tells of those that it does not", () => {
    const own = Result.getOrThrow(
      choose(gpu(`name: "webgpu" ${parameter("preferredLayout", "NHWC")}`), [device(0, "webgpu")])
    )
    assert.deepStrictEqual(own.of(0), [{ name: "webgpu", options: { preferredLayout: "NHWC" } }])
    assert.deepStrictEqual(own.warnings, [])
    const cuda = Result.getOrThrow(
      choose(gpu(`name: "cuda" ${parameter("use_tf32", "0")}`), [device(0, "cuda")], {
        more: setting("gpu_mem_limit", "1000")
      })
    )
    assert.deepStrictEqual(cuda.of(0), [{ name: "cuda", options: {} }])
    assert.deepStrictEqual(cuda.warnings, [
      "model 'm': 'use_tf32' of the execution accelerator 'cuda' has no effect: ONNX Runtime's JavaScript binding tells that " +
      "provider nothing but its device.",
      "parameter 'gpu_mem_limit' of model 'm' has no effect: ONNX Runtime's JavaScript binding tells that provider nothing but " +
      "its device."
    ])
  })
})
