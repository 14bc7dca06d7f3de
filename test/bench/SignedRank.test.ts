import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { fewestRounds, type Round, verdicts } from "../../bench/compare/Rounds.ts"
import * as SignedRank from "../../bench/compare/SignedRank.ts"

/** Numbers in [0, 1) that are the same for the same seed. */
const random = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** About normal, with a deviation of 1; one in twenty is five times as far off, as where something else ran meanwhile. */
const noise = (next: () => number): number => {
  const normal = Array.from({ length: 12 }, next).reduce((sum, value) => sum + value, -6)
  return next() < 0.05 ? normal * 5 : normal
}

const cellCount = 9

/** Rounds of a server that takes 30 µs a request, and of one that takes so much more in one of the cells. */
const measured = (seed: number, slowdown: number): ReadonlyArray<ReadonlyArray<Round>> => {
  const next = random(seed)
  return Array.from(
    { length: cellCount },
    (_, cell) =>
      Array.from({ length: fewestRounds(cellCount) + 4 }, (): Round => {
        // What both sides of a round share, and what each has of its own.
        const hour = Math.exp(0.2 * noise(next))
        const side = (factor: number) => {
          const micros = 30 * factor * hour * Math.exp(0.02 * noise(next))
          return { micros, perSecond: 1e6 / micros / Math.exp(0.05 * noise(next)) }
        }
        return [side(1), side(cell === 3 ? 1 + slowdown : 1)]
      })
  )
}

describe("SignedRank", () => {
  it("counts every choice of signs", () => {
    // Of the eight choices of signs of three ranks one sums up to 6, one to 5, one to 4 and two to 3.
    const { above, below } = SignedRank.shift([3, -1, 2])
    assert.strictEqual(above, 2 / 8)
    assert.strictEqual(below, 7 / 8)
  })

  it("gives equal sizes the mean of their ranks", () => {
    // Sizes 1, 1 and 2 have the ranks 1.5, 1.5 and 3: six, four and a half twice, and three twice.
    assert.strictEqual(SignedRank.shift([1, -1, 2]).above, 3 / 8)
  })

  it("says nothing where nothing differs", () => {
    const { above, below, high, low, middle } = SignedRank.shift([0, 0, 0, 0, 0, 0])
    assert.deepStrictEqual([above, below, low, middle, high], [1, 1, 0, 0, 0])
  })

  it("estimates the middle by means of pairs, and its bounds by counting", () => {
    // Of six rounds the interval of at least 95 % is from the smallest difference to the greatest.
    const { high, low, middle } = SignedRank.shift([1, 2, 3, 4, 5, 60])
    assert.deepStrictEqual([low, high], [1, 60])
    assert.isAtLeast(middle, 3)
    assert.isAtMost(middle, 5)
  })

  it("sees the same from both sides", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 14 }), (values) => {
      const one = SignedRank.shift(values)
      const other = SignedRank.shift(values.map((value) => -value))
      assert.closeTo(one.above, other.below, 1e-12)
      assert.closeTo(one.middle, -other.middle, 1e-12)
      assert.closeTo(one.low, -other.high, 1e-12)
      assert.isAtMost(one.low, one.middle)
      assert.isAtMost(one.middle, one.high)
    }))
  })

  it("holds a false alarm to the probability that it says", () => {
    // All choices of signs of ten different sizes: how many have a probability of at most 5 % is at most 5 % of them.
    const choices = Array.from(
      { length: 2 ** 10 },
      (_, bits) => SignedRank.shift(Array.from({ length: 10 }, (_, i) => (bits >> i & 1 ? 1 : -1) * (i + 1))).above
    )
    const alarms = choices.filter((above) => above <= 0.05).length
    assert.isAtMost(alarms, choices.length * 0.05)
    assert.isAtLeast(alarms, choices.length * 0.03)
  })

  it("asks more of a test that has others beside it", () => {
    assert.deepStrictEqual(SignedRank.significant([0.02, 0.5], 0.05), [true, false])
    assert.deepStrictEqual(SignedRank.significant([0.03, 0.5], 0.05), [false, false])
    // The first one needs a third, the second a half, the last one all of it.
    assert.deepStrictEqual(SignedRank.significant([0.04, 0.016, 0.024], 0.05), [true, true, true])
    assert.deepStrictEqual(SignedRank.significant([0.04, 0.016, 0.026], 0.05), [false, true, false])
  })
})

describe("verdicts of rounds", () => {
  /** How many of so many tables of verdicts are like this. */
  const share = (
    slowdown: number,
    holds: (costs: ReadonlyArray<string>, answers: ReadonlyArray<string>) => boolean
  ) => {
    const tables = Array.from({ length: 200 }, (_, seed) => verdicts(measured(seed * 7919, slowdown)))
    const found = tables.filter((all) => holds(all.map(({ costs }) => costs), all.map(({ answers }) => answers)))
    return found.length / tables.length
  }

  it("finds nothing between a server and itself, but for a few tables in a hundred", () => {
    const calm = share(
      0,
      (costs, answers) => costs.every((cost) => cost === "the same") && answers.every((answer) => answer === "as many")
    )

    assert.isAtLeast(calm, 0.94)
  })

  it("finds the one cell that was slowed by a tenth", () => {
    const found = share(0.1, (costs) => costs[3] === "more")

    assert.isAtLeast(found, 0.9)
  })

  it("tells a gain from a loss", () => {
    const swapped = measured(3, 0.3).map((rounds) => rounds.map(([first, second]): Round => [second, first]))
    const [verdict] = verdicts([swapped[3]!])
    assert.deepStrictEqual([verdict!.costs, verdict!.answers], ["less", "more"])
    assert.isBelow(verdict!.cost.high, 0)
    assert.closeTo(verdict!.cost.middle, -Math.log(1.3), 0.05)
  })

  it("can say something with as few rounds as it demands", () => {
    const cells = Array.from(
      { length: cellCount },
      () =>
        Array.from({ length: fewestRounds(cellCount) }, (_, i): Round => [
          { micros: 30, perSecond: 30_000 },
          { micros: 31 + i, perSecond: 30_000 }
        ])
    )
    assert.isTrue(verdicts(cells).every(({ costs }) => costs === "more"))
  })
})
