/** When one more front is asked for. */
import { assert, describe, it } from "@effect/vitest"
import { manyBytes, manyConnections, Need } from "../../../src/layers/frontend/internal/fronts/Need.ts"

const started = () => {
  const now = { millis: 1000, fronts: 1, connections: 0 }
  const needs: Array<boolean> = []
  const need = new Need({
    now: () => now.millis,
    fronts: () => now.fronts,
    connections: () => now.connections,
    onNeed: (moves) => {
      needs.push(moves)
      now.fronts++
    }
  })
  return { now, need, needs }
}

describe("one more front", () => {
  it("is needed when each of those that accept connections holds many, and only for those that come", () => {
    const { need, needs, now } = started()
    for (now.connections = 1; now.connections <= manyConnections; now.connections++) need.joined()
    assert.deepStrictEqual(needs, [])
    need.joined()
    assert.deepStrictEqual(needs, [false])
    for (; now.connections <= 2 * manyConnections; now.connections++) need.joined()
    assert.deepStrictEqual(needs, [false])
    need.joined()
    assert.deepStrictEqual(needs, [false, false])
  })

  it("is needed when each of them moves many bytes in a short time, also for connections that there are", () => {
    const { need, needs, now } = started()
    now.millis += manyBytes.millis - 1
    need.moved(manyBytes.bytes - 1)
    assert.deepStrictEqual(needs, [])
    need.moved(1)
    assert.deepStrictEqual(needs, [true])
    // Two of them move twice as much before they need help.
    now.millis += manyBytes.millis - 1
    need.moved(manyBytes.bytes)
    assert.deepStrictEqual(needs, [true])
    need.moved(manyBytes.bytes)
    assert.deepStrictEqual(needs, [true, true])
  })

  it("is not needed for as many bytes in a long time, whatever comes at once after a pause", () => {
    const { need, needs, now } = started()
    for (let i = 0; i < 10; i++) {
      now.millis += manyBytes.millis
      need.moved(2 * manyBytes.bytes)
    }
    assert.deepStrictEqual(needs, [])
    now.millis += 1
    need.moved(manyBytes.bytes)
    assert.deepStrictEqual(needs, [true])
  })
})
