import { assert, describe, it } from "@effect/vitest"
import { Turns } from "../../../src/layers/execution/internal/inline/Turns.ts"

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** Of 1 ms, with runs that say that they took a while. */
const make = () => {
  const turns = new Turns(1_000_000)
  const log: Array<string> = []
  const run = (name: string, millis: number) => ({
    run: () => {
      log.push(name)
      turns.ran(0, millis)
    }
  })
  return { turns, log, run }
}

describe("Turns", () => {
  it("has time until runs have taken a whole turn, and again when the event loop has come round", async () => {
    const { log, run, turns } = make()
    turns.ran(0, 0.9)
    assert.isTrue(turns.hasTime())
    turns.ran(0.9, 1.1)
    assert.isFalse(turns.hasTime())
    turns.putOff(run("a", 0.1))
    assert.deepStrictEqual(log, [])
    await nextTurn()
    assert.deepStrictEqual(log, ["a"])
    assert.isTrue(turns.hasTime())
  })

  it("forgets runs of long ago that took little of the time since", () => {
    const { turns } = make()
    turns.ran(0, 0.9)
    turns.ran(10, 10.9)
    assert.isTrue(turns.hasTime())
  })

  it("runs what was put off in its order, and as much in a turn as there is time for", async () => {
    const { log, run, turns } = make()
    for (const name of ["a", "b", "c", "d"]) turns.putOff(run(name, 0.6))
    assert.isFalse(turns.hasTime(), "nobody passes those that wait")
    await nextTurn()
    assert.deepStrictEqual(log, ["a", "b"])
    await nextTurn()
    assert.deepStrictEqual(log, ["a", "b", "c", "d"])
  })

  it("lets what is put off by a run wait for the next turn, behind the others", async () => {
    const { log, run, turns } = make()
    turns.putOff({
      run: () => {
        log.push("a")
        turns.ran(0, 2)
        turns.putOff(run("late", 0.1))
      }
    })
    turns.putOff(run("b", 0.1))
    await nextTurn()
    assert.deepStrictEqual(log, ["a"])
    await nextTurn()
    assert.deepStrictEqual(log, ["a", "b", "late"])
  })

  it("gives a run back once, and not when it has run", async () => {
    const { log, run, turns } = make()
    const first = run("a", 0.1)
    const second = run("b", 0.1)
    turns.putOff(first)
    turns.putOff(second)
    assert.isTrue(turns.takeBack(first))
    assert.isFalse(turns.takeBack(first))
    await nextTurn()
    assert.deepStrictEqual(log, ["b"])
    assert.isFalse(turns.takeBack(second))
  })
})
