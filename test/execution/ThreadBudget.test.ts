import { assert, describe, it } from "@effect/vitest"
import * as ThreadBudget from "../../src/layers/execution/internal/ThreadBudget.ts"

const spinning = (settings: ReturnType<typeof ThreadBudget.settings>) => JSON.stringify(settings.extra)
const off = `{"session":{"intra_op":{"allow_spinning":"0"}}}`

describe("ThreadBudget", () => {
  it("divides the cores among the instances, at least one each", () => {
    assert.strictEqual(ThreadBudget.settings({}, 1, 8).intraOpNumThreads, 8)
    assert.strictEqual(ThreadBudget.settings({}, 3, 8).intraOpNumThreads, 2)
    assert.strictEqual(ThreadBudget.settings({}, 9, 8).intraOpNumThreads, 1)
  })

  it("lets threads spin only where a core is left", () => {
    assert.strictEqual(spinning(ThreadBudget.settings({}, 2, 2)), off)
    assert.strictEqual(spinning(ThreadBudget.settings({}, 1, 2)), off)
    assert.strictEqual(spinning(ThreadBudget.settings({}, 3, 8)), "{}")
    assert.strictEqual(spinning(ThreadBudget.settings({ intraOpNumThreads: 4 }, 3, 8)), off)
  })

  it("keeps what the model says", () => {
    const settings = ThreadBudget.settings(
      {
        intraOpNumThreads: 5,
        interOpNumThreads: 2,
        executionMode: "parallel",
        graphOptimizationLevel: "basic",
        enableCpuMemArena: false,
        enableMemPattern: false,
        configEntries: { "session.intra_op.allow_spinning": "1", "session.use_device_allocator_for_initializers": "1" }
      },
      4,
      2
    )
    assert.deepStrictEqual(settings, {
      intraOpNumThreads: 5,
      interOpNumThreads: 2,
      executionMode: "parallel",
      graphOptimizationLevel: "basic",
      enableCpuMemArena: false,
      enableMemPattern: false,
      extra: { session: { intra_op: { allow_spinning: "1" }, use_device_allocator_for_initializers: "1" } }
    })
  })
})
