import { assert, describe, it } from "@effect/vitest"
import { page, type RankingModule } from "./Page.ts"

const { busiest } = await page<RankingModule>("ranking.js")

const rates = (all: Readonly<Record<string, number>>) => Object.entries(all).map(([key, rate]) => ({ key, rate }))

describe("the order of models", () => {
  it("is by rate at first, then as they are given, without those that are idle", () => {
    assert.deepStrictEqual(busiest([], rates({ a: 0, b: 5, c: 9, d: 5, e: 0.1 })), ["c", "b", "d", "e"])
  })

  it("stays while nobody is busier by half than one before", () => {
    const before = ["c", "b", "d"]
    for (const all of [{ b: 10, c: 9, d: 5 }, { b: 13, c: 9, d: 13 }, { b: 1.4, c: 1.4, d: 2 }]) {
      assert.deepStrictEqual(busiest(before, rates(all)), before)
    }
    assert.deepStrictEqual(busiest(before, rates({ b: 5, c: 9, d: 14 })), ["d", "c", "b"])
    assert.deepStrictEqual(busiest(before, rates({ b: 5, c: 9, d: 8 })), ["c", "d", "b"])
  })

  it("takes in those that become busy where they belong, and lets those go that are idle", () => {
    assert.deepStrictEqual(busiest(["c", "b", "d"], rates({ a: 7, b: 5, c: 9, d: 0 })), ["c", "a", "b"])
    assert.deepStrictEqual(busiest(["gone", "b"], rates({ a: 1, b: 5 })), ["b", "a"])
  })
})
