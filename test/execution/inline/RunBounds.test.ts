import { assert, describe, it } from "@effect/vitest"
import * as RunBounds from "../../../src/layers/execution/internal/inline/RunBounds.ts"
import * as RunRequest from "../../../src/layers/execution/internal/RunRequest.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import { identityPlan } from "../../suites/executorSuite.ts"

const layout = RunRequest.layout({
  ...identityPlan("m.onnx"),
  inputs: [{ name: "X", datatype: "FP32", shape: [-1, -1] }, { name: "S", datatype: "BYTES", shape: [-1] }]
})
const bounds = [{ dims: [4, 16], stringBytes: Infinity }, { dims: [4], stringBytes: 80 }]
const floats = (shape: ReadonlyArray<number>): Tensor => ({
  name: "X",
  datatype: "FP32",
  shape,
  data: new Uint8Array(shape.reduce((product, dim) => product * dim, 4))
})
const strings = (shape: ReadonlyArray<number>, bytes: number): Tensor => ({
  name: "S",
  datatype: "BYTES",
  shape,
  data: new Uint8Array(bytes)
})

describe("RunBounds", () => {
  it("takes what is no larger, in any order, and leaves names that are not the model's to others", () => {
    for (
      const inputs of [[floats([4, 16]), strings([4], 80)], [strings([0], 0), floats([0, 16])], [floats([1, 0])], []]
    ) {
      assert.isUndefined(RunBounds.excess(bounds, layout, inputs))
    }
    assert.isUndefined(RunBounds.excess(bounds, layout, [{ ...floats([100]), name: "Y" }]))
  })

  it("says which dimension, rank or strings are beyond", () => {
    const excess = (tensor: Tensor) => RunBounds.excess(bounds, layout, [tensor])
    assert.strictEqual(
      excess(floats([1, 17])),
      "input 'X' of a run was [1,17], and at most [4,16] when it was measured"
    )
    assert.strictEqual(excess(floats([5, 1])), "input 'X' of a run was [5,1], and at most [4,16] when it was measured")
    assert.strictEqual(excess(floats([4])), "input 'X' of a run was [4], and at most [4,16] when it was measured")
    assert.strictEqual(
      excess(floats([1, 1, 1])),
      "input 'X' of a run was [1,1,1], and at most [4,16] when it was measured"
    )
    assert.strictEqual(
      excess(strings([1], 81)),
      "input 'S' of a run had 81 bytes of strings, and at most 80 when it was measured"
    )
  })
})
