import { assert, describe, it } from "@effect/vitest"
import * as Provider from "../../../src/layers/execution/internal/gpu/Provider.ts"
import * as Onnx from "../../fixtures/onnx/OnnxWriter.ts"

describe("Provider", () => {
  it("asks the binding for a device by its number where the provider has numbers", () => {
    assert.deepStrictEqual(Provider.native({ name: "cuda", options: {} }, 3), { name: "cuda", deviceId: 3 })
    assert.deepStrictEqual(Provider.native({ name: "webgpu", options: {} }, 0), { name: "webgpu" })
  })

  it("gives options in the types that the binding wants", () => {
    assert.deepStrictEqual(
      Provider.native({ name: "webgpu", options: { preferredLayout: "NHWC", forceCpuNodeNames: "a,b" } }, 0),
      { name: "webgpu", preferredLayout: "NHWC", forceCpuNodeNames: ["a", "b"] }
    )
    assert.deepStrictEqual(Provider.native({ name: "coreml", options: { coreMlFlags: "5" } }, 0), {
      name: "coreml",
      coreMlFlags: 5
    })
  })

  it("tries GPUs with a model that adds a number to itself", () => {
    const model = Onnx.model({
      inputs: [Onnx.tensorInfo("x", "FP32", [1])],
      outputs: [Onnx.tensorInfo("y", "FP32", [1])],
      nodes: [Onnx.node("Add", ["x", "x"], ["y"])]
    })
    assert.deepStrictEqual(Provider.probeModel, Uint8Array.from(model))
  })
})
