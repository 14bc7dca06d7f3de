import { assert, describe, it } from "@effect/vitest"
import { SlowRuns, tolerated, UsedTime } from "../../../src/layers/execution/internal/inline/SlowRuns.ts"

/** A thread that has used a part of the time. */
class Thread {
  used = 0
  readonly slow: SlowRuns

  constructor(runNanos: number) {
    this.slow = new SlowRuns(new UsedTime(() => this.used), runNanos, 1_000_000)
  }

  /** A run that begins at a time, takes so many milliseconds, and has the processor for so many of them. */
  run(at: number, millis: number, used: number): boolean {
    this.slow.begins(at)
    this.used += used
    return this.slow.ended(at, at + millis)
  }
}

describe("SlowRuns", () => {
  it("takes ten times what was measured for slow, and no less than a turn", () => {
    assert.strictEqual(new Thread(13_000).slow.limit, 1)
    assert.strictEqual(new Thread(400_000).slow.limit, 4)
  })

  it("says so once there were too many within a minute", () => {
    const thread = new Thread(13_000)
    const said = Array.from({ length: tolerated }, (_, i) => thread.run(100 * i, 50, 50))
    assert.deepStrictEqual(said, Array.from({ length: tolerated }, (_, i) => i === tolerated - 1))
  })

  it("forgets those of a minute ago", () => {
    const thread = new Thread(13_000)
    for (let i = 0; i < 10; i++) assert.isFalse(thread.run(50_000 * i, 50, 50))
  })

  it("does not blame a run for what others have kept it waiting", () => {
    const thread = new Thread(13_000)
    for (let i = 0; i < 10; i++) assert.isFalse(thread.run(100 * i, 50, 0.02))
  })

  it("does not blame it for what was done before it, and not counted by the system then", () => {
    const thread = new Thread(13_000)
    for (let i = 0; i < 10; i++) {
      const at = 100 * i
      thread.slow.begins(at)
      assert.isFalse(thread.run(at + 0.9, 50, 0.9 + 19))
    }
  })

  it("blames the model where a quarter of the recent runs is long, whoever kept them waiting", () => {
    const thread = new Thread(13_000)
    for (let i = 0; i < 500; i++) assert.isFalse(thread.run(10 * i, i % 5 === 0 ? 5 : 0.02, 0.02))
    let runs = 0
    while (!thread.run(5000 + 10 * runs, 5, 0.02)) runs++
    assert.isBelow(runs, 20)
  })
})
