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
    const measured = [{ name: "INPUT0", type: "float32", shapes: [[1, 16], [64, 16]] }]
    assert.deepStrictEqual(Eligibility.of(plan), measured as never)
  })

  it("measures a model without a batch as it is, and one whose batch lies elsewhere there", () => {
    const shapesOf = (changes: Partial<ModelPlan>) => {
      const found = Eligibility.of({ ...plan, ...changes })
      return typeof found === "string" ? found : found[0]!.shapes
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
    [{ outputs: [{ name: "S", datatype: "BYTES", shape: [-1] }] }, "tensor 'S' has strings"],
    [
      { operators: new Set(["Add", "Loop"]) },
      "what its operator Loop takes does not follow from the shapes of the inputs"
    ],
    [
      { operators: new Set(["com.example.Add"]) },
      "what its operator com.example.Add takes does not follow from the shapes of the inputs"
    ],
    [input([-1, -1]), "the shape of input 'X', [-1,-1], may be any"],
    [{ ...input([-1, 16]), batched: false }, "the shape of input 'X', [-1,16], may be any"]
  ]
  for (const [changes, reason] of reasons) {
    it(`refuses: ${reason}`, () => assert.strictEqual(Eligibility.of({ ...plan, ...changes }), reason))
  }

  it("refuses what is not known", () => {
    const { maxBatchSize: _, ...unbounded } = plan
    assert.strictEqual(Eligibility.of(unbounded), "its largest batch is not known")
    const { operators: __, ...unread } = plan
    assert.strictEqual(Eligibility.of(unread), "its operators are not known")
  })

  it("takes infinite bounds for none", () => {
    assert.isArray(Eligibility.of({ ...plan, maxRunNanos: Infinity, maxGrowthBytes: Infinity }))
  })
})
