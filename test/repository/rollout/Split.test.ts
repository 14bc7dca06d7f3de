import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Split from "../../../src/layers/repository/internal/rollout/Split.ts"

const split = (weights: Readonly<Record<string, number>>, salt = "m") =>
  Split.make(Object.entries(weights).map(([name, weight]) => ({ name, weight, value: name })), salt)

const keys = Array.from({ length: 20_000 }, (_, i) => `user-${i}`)

const counts = (targets: Iterable<string>): Readonly<Record<string, number>> => {
  const found: Record<string, number> = {}
  for (const target of targets) found[target] = (found[target] ?? 0) + 1
  return found
}

/** Six standard deviations of a binomial count: a right split fails this once in a billion. */
const near = (count: number, of: number, share: number) =>
  assert.isAtMost(Math.abs(count - of * share), 6 * Math.sqrt(of * share * (1 - share)) + 1)

const moved = (before: Split.Split<string>, after: Split.Split<string>, among: ReadonlyArray<string> = keys) =>
  among.flatMap((key) => {
    const [from, to] = [before.byKey(key), after.byKey(key)]
    return from === to ? [] : [[from, to] as const]
  })

const weights = fc.dictionary(
  fc.constantFrom("stable", "canary", "old", "1", "2", "a", "b"),
  fc.integer({ min: 1, max: 100 }),
  { minKeys: 1, maxKeys: 5, noNullPrototype: true }
)

describe("Split", () => {
  it("divides chance by weight, without a gap", () => {
    const { byChance } = split({ a: 1, b: 2, c: 1 })
    assert.strictEqual(byChance(0), "a")
    assert.strictEqual(byChance(0.2499), "a")
    assert.strictEqual(byChance(0.25), "b")
    assert.strictEqual(byChance(0.7499), "b")
    assert.strictEqual(byChance(0.75), "c")
    assert.strictEqual(byChance(1 - 2 ** -53), "c")
    assert.strictEqual(split({ a: 1 }).byChance(0.5), "a")
  })

  it("divides keys by weight", () => {
    fc.assert(
      fc.property(weights, fc.string(), (given, salt) => {
        const { byKey } = split(given, salt)
        const found = counts(keys.map(byKey))
        const sum = Object.values(given).reduce((a, b) => a + b)
        for (const [name, weight] of Object.entries(given)) near(found[name] ?? 0, keys.length, weight / sum)
      }),
      { numRuns: 20, seed: 1 }
    )
  })

  it("gives a key the same target each time, in whatever order the targets are named", () => {
    fc.assert(fc.property(weights, fc.string(), fc.string(), (given, salt, key) => {
      const reversed = Split.make(
        Object.entries(given).toReversed().map(([name, weight]) => ({ name, weight, value: name })),
        salt
      )
      assert.strictEqual(split(given, salt).byKey(key), reversed.byKey(key))
    }))
  })

  it("moves as few keys as there can be between two targets", () => {
    const before = split({ stable: 95, canary: 5 })
    const after = split({ stable: 80, canary: 20 })
    const changed = moved(before, after)
    near(changed.length, keys.length, 0.15)
    assert.deepStrictEqual(counts(changed.map(([from, to]) => `${from} ${to}`)), { "stable canary": changed.length })
    // Twice the weights are the same weights.
    assert.strictEqual(moved(before, split({ stable: 190, canary: 10 })).length, 0)
  })

  it("moves keys only to a target that grows, and only from one that shrinks or goes", () => {
    fc.assert(
      fc.property(
        weights,
        fc.constantFrom("stable", "canary", "new"),
        fc.integer({ min: 1, max: 100 }),
        (given, name, by) => {
          const some = keys.slice(0, 1000)
          const before = split(given)
          const after = split({ ...given, [name]: (given[name] ?? 0) + by })
          for (const [, to] of moved(before, after, some)) assert.strictEqual(to, name)
          for (const [from] of moved(after, before, some)) assert.strictEqual(from, name)
        }
      ),
      { numRuns: 20, seed: 2 }
    )
  })

  it("puts other keys together for another salt", () => {
    const one = split({ a: 1, b: 1 }, "one")
    const other = split({ a: 1, b: 1 }, "other")
    near(moved(one, other).length, keys.length, 0.5)
  })
})
