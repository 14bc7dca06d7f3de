import { assert, describe, it } from "@effect/vitest"
import { Attention } from "../../src/layers/frontend/internal/Attention.ts"

/** An event loop whose turns and clock go on by hand. */
const loop = () => {
  const turns: Array<() => void> = []
  const clock = { millis: 0 }
  return {
    turns,
    clock,
    attention: new Attention({ now: () => clock.millis, nextTurn: (run) => turns.push(run) })
  }
}

describe("a thread that has answered", () => {
  it("stays awake for as long as it is told to, and then sleeps", () => {
    const { attention, clock, turns } = loop()
    attention.stayAwake(0.05)
    clock.millis = 0.049
    turns.shift()!()
    assert.strictEqual(turns.length, 1)
    clock.millis = 0.05
    turns.shift()!()
    assert.strictEqual(turns.length, 0)
  })

  it("counts from the last answer, with one turn at a time however many leave, and wakes again", () => {
    const { attention, clock, turns } = loop()
    attention.stayAwake(0.05)
    clock.millis = 0.04
    attention.stayAwake(0.05)
    attention.stayAwake(0.05)
    assert.strictEqual(turns.length, 1)
    clock.millis = 0.08
    turns.shift()!()
    assert.strictEqual(turns.length, 1)
    clock.millis = 0.09
    turns.shift()!()
    assert.strictEqual(turns.length, 0)
    attention.stayAwake(0.05)
    assert.strictEqual(turns.length, 1)
  })

  it("sleeps at once where it is told to", () => {
    const { attention, turns } = loop()
    attention.stayAwake(0)
    assert.strictEqual(turns.length, 0)
  })

  it("stays awake for the longest of several servers", () => {
    const { attention, clock, turns } = loop()
    attention.stayAwake(1)
    clock.millis = 0.5
    attention.stayAwake(0.05)
    attention.stayAwake(0)
    clock.millis = 0.99
    turns.shift()!()
    assert.strictEqual(turns.length, 1)
    clock.millis = 1
    turns.shift()!()
    assert.strictEqual(turns.length, 0)
  })
})
