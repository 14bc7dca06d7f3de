import { assert, describe, it } from "@effect/vitest"
import { TrimSchedule } from "../src/layers/HeapTrim.ts"

describe("TrimSchedule", () => {
  it("is due once after loads while nobody waits, and after many under traffic", () => {
    const schedule = new TrimSchedule()
    assert.isUndefined(schedule.due(0, true))
    assert.isUndefined(schedule.due(3, false))
    assert.strictEqual(schedule.due(3, true), "last-resort")
    assert.isUndefined(schedule.due(3, true))
    assert.isUndefined(schedule.due(34, false))
    assert.strictEqual(schedule.due(35, false), "regular")
    assert.isUndefined(schedule.due(36, false))
    assert.strictEqual(schedule.due(36, true), "last-resort")
  })
})
