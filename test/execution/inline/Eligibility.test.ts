import { assert, describe, it } from "@effect/vitest"
import * as Eligibility from "../../../src/layers/execution/internal/inline/Eligibility.ts"
import type { ModelPlan, TensorSpec } from "../../../src/services/Executor.ts"
import { identityPlan } from "../../suites/executorSuite.ts"

const plan = identityPlan("m.onnx")
const input = (shape: ReadonlyArray<number>, rest: Partial<TensorSpec> = {}): Partial<ModelPlan> => ({
  inputs: [{ name: "X", datatype: "FP32", shape, ...rest }]
})

describe("Eligibility", () => {
  it("measures one row and the largest batch", () => {
    const inputs = [{ name: "INPUT0", type: "float32" as const, shapes: [[1, 16], [64, 16]] }]
    assert.deepStrictEqual(Eligibility.of(plan), { inputs, isBounded: false })
  })

  it("measures a model without a batch as it is, and one whose batch lies elsewhere there", () => {
    const shapesOf = (changes: Partial<ModelPlan>) => {
      const found = Eligibility.of({ ...plan, ...changes })
      return typeof found === "string" ? found : found.inputs[0]!.shapes
    }
    assert.deepStrictEqual(shapesOf({ ...input([2, 3]), batched: false }), [[2, 3]])
    assert.deepStrictEqual(shapesOf(input([2, -1, 3], { batchAxis: 1 })), [[2, 1, 3], [2, 64, 3]])
    assert.deepStrictEqual(shapesOf(input([8], { batchAxis: -1 })), [[8], [8]])
    assert.deepStrictEqual(shapesOf({ maxBatchSize: 1 }), [[1, 16]])
  })

  const reasons: ReadonlyArray<readonly [changes: Partial<ModelPlan>, reason: string]> = [
    [{ instances: [{ name: "m", device: { kind: "GPU", id: 0 } }] }, "it has instances on GPUs"],
    [{ maxRunNanos: 1 }, "it has bounds that ask for an instance that can be ended"],
    [{ maxMemoryBytes: 1 }, "it has bounds that ask for an instance that can be ended"],
    [{ maxGrowthBytes: 1 }, "it has bounds that ask for an instance that can be ended"],
    [{ session: { intraOpNumThreads: 2 } }, "it asks for several threads"],
    [{ session: { interOpNumThreads: 2 } }, "it asks for several threads"],
    [{ session: { executionMode: "parallel" } }, "it asks for several threads"],
    [{ inputs: [] }, "it has no inputs"],
    [
      { operators: new Set(["Add", "Loop"]) },
      "what its operator Loop takes does not follow from the shapes of the inputs"
    ],
    [
      { operators: new Set(["com.example.Add"]) },
      "what its operator com.example.Add takes does not follow from the shapes of the inputs"
    ],
    [
      { ...input([-1, -1]), operators: new Set(["Add", "Reshape"]) },
      "what its operator Reshape takes does not grow with the inputs alone, and the shape of input 'X', [-1,-1], may be any"
    ],
    [
      { outputs: [{ name: "S", datatype: "BYTES", shape: [-1] }], operators: new Set(["Slice"]) },
      "what its operator Slice takes does not grow with the inputs alone, and tensor 'S' has strings"
    ],
    [input([-1, -1, 1000]), "the smallest run of it that is measured has an input of more than 65536 elements"]
  ]
  for (const [changes, reason] of reasons) {
    it(`refuses: ${reason}`, () => assert.strictEqual(Eligibility.of({ ...plan, ...changes }), reason))
  }

  it("tries sizes for open dimensions, all at once and each in a full batch, as long as they have few elements", () => {
    const of = (changes: Partial<ModelPlan>) => {
      const found = Eligibility.of({ ...plan, ...changes })
      return typeof found === "string" ? found : { shapes: found.inputs[0]!.shapes, isBounded: found.isBounded }
    }
    assert.deepStrictEqual(of(input([-1, -1])), {
      isBounded: true,
      shapes: [[64, 4], [64, 16], [64, 64], [64, 256], [64, 1024]]
    })
    assert.deepStrictEqual(of({ ...input([-1, 3, -1]), maxBatchSize: 1 }), {
      isBounded: true,
      shapes: [[1, 3, 4], [1, 3, 16], [1, 3, 64], [1, 3, 256], [1, 3, 1024]]
    })
    assert.deepStrictEqual(of({ ...input([-1, -1, 2]), batched: false }), {
      isBounded: true,
      shapes: [[4, 4, 2], [16, 16, 2], [64, 64, 2]]
    })
  })

  it("tries batches of strings, and bounds their bytes", () => {
    const found = Eligibility.of({
      ...plan,
      maxBatchSize: 8,
      inputs: [{ name: "S", datatype: "BYTES", shape: [-1, 8] }, { name: "X", datatype: "FP32", shape: [-1, 2] }]
    })
    if (typeof found === "string") throw new Error(found)
    assert.deepStrictEqual(found, {
      isBounded: true,
      inputs: [
        { name: "S", type: "string", shapes: [[1, 8], [4, 8], [8, 8]], stringLengths: [32, 16, 16] },
        { name: "X", type: "float32", shapes: [[1, 2], [4, 2], [8, 2]] }
      ]
    })
    assert.deepStrictEqual(Eligibility.boundOf(found.inputs[0]!, 0), { dims: [1, 8], stringBytes: 8 * 36 })
    assert.deepStrictEqual(Eligibility.boundOf(found.inputs[1]!, 2), { dims: [8, 2], stringBytes: Infinity })
  })

  it("bounds a model that only gives strings", () => {
    const found = Eligibility.of({ ...plan, outputs: [{ name: "S", datatype: "BYTES", shape: [-1, 16] }] })
    assert.isTrue(typeof found !== "string" && found.isBounded)
  })

  it("refuses what is not known", () => {
    const { maxBatchSize: _, ...unbounded } = plan
    assert.strictEqual(Eligibility.of(unbounded), "its largest batch is not known")
    const { operators: __, ...unread } = plan
    assert.strictEqual(Eligibility.of(unread), "its operators are not known")
  })

  it("takes infinite bounds for none", () => {
    assert.isObject(Eligibility.of({ ...plan, maxRunNanos: Infinity, maxGrowthBytes: Infinity }))
  })
})
