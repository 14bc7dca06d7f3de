import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { LimitedInstance } from "../../../src/layers/scheduling/internal/rate/LimitedInstance.ts"
import { ResourcePool } from "../../../src/layers/scheduling/internal/rate/ResourcePools.ts"
import { Seat, TurnLine } from "../../../src/layers/scheduling/internal/rate/TurnLine.ts"
import { InstanceLost } from "../../../src/schema/Errors.ts"
import type { LentInstance } from "../../../src/services/Executor.ts"
import * as Fakes from "../../execution/FakeInstances.ts"

const result = Exit.succeed({
  outputs: [],
  begunAtNanos: 0,
  computeInputNanos: 0,
  computeInferNanos: 0,
  computeOutputNanos: 0,
  release: () => {}
})

/** Two instances that need all of one resource, with runs that end and are withdrawn by hand. */
const make = () => {
  const line = new TurnLine()
  const pool = new ResourcePool("R", 0)
  pool.size = 2
  const instance = (name: string) => {
    const runs: Array<(exit: Parameters<Parameters<LentInstance["start"]>[2]>[0]) => void> = []
    const seat = new Seat([{ pool, count: 2 }], 1, 0)
    const limited = new LimitedInstance("m", line, seat, {
      name,
      index: 0,
      accepts: () => runs.length < 3,
      quick: () => true,
      lost: Effect.never,
      start: (_inputs, _outputs, done) => {
        runs.push(done)
        return {
          withdraw: () => {
            const at = runs.indexOf(done)
            if (at >= 0) runs.splice(at, 1)
            return at >= 0
          }
        }
      }
    })
    const ended: Array<string> = []
    const start = () =>
      limited.start(
        [Fakes.job(1)],
        [],
        (exit) => ended.push(Exit.isSuccess(exit) ? "done" : String(exit.cause.reasons[0]))
      )
    return { limited, runs, seat, start, ended }
  }
  return { pool, one: instance("one"), other: instance("other") }
}

describe("LimitedInstance", () => {
  it("gives its turn to whoever asked, for one run", () => {
    const { one, pool } = make()
    let turns = 0
    one.limited.turn.ask(() => turns++)
    assert.deepStrictEqual([turns, one.limited.turn.isGranted(), pool.granted], [1, true, 2])
    one.start()
    assert.isFalse(one.limited.turn.isGranted())
    assert.isFalse(one.limited.accepts())
    one.runs.shift()!(result)
    assert.deepStrictEqual([one.ended, one.seat.executions, pool.granted], [["done"], 1, 0])
    assert.isTrue(one.limited.accepts())
  })

  it("lets the next one in when a turn is dropped, or a run is withdrawn that has not begun", () => {
    const { one, other, pool } = make()
    one.limited.turn.ask(() => {})
    other.start()
    assert.strictEqual(other.runs.length, 0)
    one.limited.turn.drop()
    assert.deepStrictEqual([other.runs.length, pool.granted, pool.waiting], [1, 2, 0])
    const third = one.start()
    assert.deepStrictEqual([one.runs.length, pool.waiting], [0, 1])
    assert.isTrue(third.withdraw())
    assert.strictEqual(pool.waiting, 0)
    assert.isFalse(third.withdraw())
    other.runs.shift()!(result)
    const fourth = one.start()
    other.start()
    assert.isTrue(fourth.withdraw())
    assert.deepStrictEqual([other.runs.length, pool.granted, one.seat.executions], [1, 2, 0])
    other.runs.shift()!(result)
    assert.deepStrictEqual([pool.granted, other.ended], [0, ["done", "done"]])
  })

  it("does not count a run that had not begun when its instance was lost", () => {
    const { one, pool } = make()
    for (const begun of [false, true]) {
      one.start()
      one.runs.shift()!(Exit.fail(new InstanceLost({ message: "lost", model: "m", instance: "one", begun })))
    }
    assert.deepStrictEqual([one.seat.executions, pool.granted], [1, 0])
  })

  it("answers what waits when it is closed, and gives back what it holds", () => {
    const { one, other, pool } = make()
    one.limited.turn.ask(() => {})
    other.start()
    other.start()
    other.limited.close()
    assert.strictEqual(other.ended.length, 2)
    assert.include(other.ended[0], "stopped before it was its turn")
    assert.strictEqual(pool.waiting, 0)
    one.limited.close()
    assert.strictEqual(pool.granted, 0)
    assert.isFalse(one.start().withdraw())
    assert.deepStrictEqual([one.runs.length, pool.waiting, one.ended.length], [0, 0, 1])
  })

  it("runs what was started without a turn one after the other", () => {
    const { one } = make()
    one.start()
    one.start()
    assert.strictEqual(one.runs.length, 1)
    one.runs.shift()!(result)
    assert.strictEqual(one.runs.length, 1)
    one.runs.shift()!(result)
    assert.deepStrictEqual(one.ended, ["done", "done"])
  })
})
