import { assert, describe, it } from "@effect/vitest"
import { Breaker } from "../../src/layers/execution/internal/Breaker.ts"

const make = () => new Breaker({ losses: 3, windowNanos: 100n, pauseNanos: 50n })

/** Opens at 20. */
const opened = () => {
  const breaker = make()
  assert.deepStrictEqual([0n, 10n, 20n].map((now) => breaker.lost(0, now, 7)), [false, false, true])
  return breaker
}

describe("Breaker", () => {
  it("opens after so many losses without an answer between them", () => {
    const breaker = opened()
    assert.deepStrictEqual([breaker.isOpen, breaker.count, breaker.pausedUntil], [true, 3, 70n])
  })

  it("counts from the last answer, whichever instance gave it", () => {
    const breaker = make()
    for (let i = 0; i < 20; i++) assert.isFalse(breaker.lost(0, BigInt(i), i + 1))
    assert.strictEqual(breaker.count, 1)
  })

  it("forgets losses that are long ago", () => {
    const breaker = make()
    assert.deepStrictEqual([0n, 60n, 120n, 180n].map((now) => breaker.lost(0, now, 0)), [false, false, false, false])
  })

  it("never opens where it is told so", () => {
    const breaker = new Breaker({ losses: 0, windowNanos: 100n, pauseNanos: 50n })
    for (let i = 0; i < 20; i++) assert.isFalse(breaker.lost(0, BigInt(i), 0))
  })

  it("lets one instance be tried once the pause is over, and the others when that has passed", () => {
    const breaker = opened()
    assert.deepStrictEqual(breaker.admit(1, 69n), { at: 70n })
    assert.strictEqual(breaker.admit(1, 70n), "on trial")
    assert.deepStrictEqual([breaker.isOnTrial(1), breaker.isOnTrial(0)], [true, false])
    assert.strictEqual(breaker.admit(0, 70n), "after the trial")
    breaker.close()
    assert.deepStrictEqual([breaker.admit(0, 71n), breaker.isOpen, breaker.count], ["now", false, 0])
  })

  it("pauses again where the instance on trial is lost, and not where another is", () => {
    const breaker = opened()
    breaker.admit(1, 70n)
    assert.isFalse(breaker.lost(0, 75n, 7))
    assert.isTrue(breaker.isOnTrial(1))
    assert.isTrue(breaker.lost(1, 80n, 7))
    assert.deepStrictEqual([breaker.pausedUntil, breaker.admit(0, 129n)], [130n, { at: 130n }])
    assert.strictEqual(breaker.admit(0, 130n), "on trial")
  })

  it("is closed by an answer that comes before the next loss", () => {
    const breaker = opened()
    breaker.admit(1, 70n)
    assert.isFalse(breaker.lost(1, 80n, 8))
    assert.deepStrictEqual([breaker.isOpen, breaker.count], [false, 1])
  })

  it("tries another where nobody starts the one that was to be tried", () => {
    const breaker = opened()
    breaker.admit(1, 70n)
    breaker.dropTrial(1)
    assert.strictEqual(breaker.admit(0, 71n), "on trial")
  })
})
