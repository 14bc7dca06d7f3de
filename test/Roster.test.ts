import { assert, describe, it } from "@effect/vitest"
import { Roster } from "../src/layers/Roster.ts"

const member = (name: string) => ({ name })

describe("Roster", () => {
  it("knows who is there", () => {
    const roster = new Roster<{ readonly name: string }>()
    const [a, b, c] = [member("a"), member("b"), member("c")]
    const place = roster.add(a)
    roster.add(b)
    assert.isTrue(roster.remove(a, place))
    roster.add(c)
    assert.strictEqual(roster.size, 2)
    assert.sameMembers([...roster.all()], [b, c])
  })

  it("gives a place that became free to the next one, and lets nobody else be removed from it", () => {
    const roster = new Roster<{ readonly name: string }>()
    const [a, b] = [member("a"), member("b")]
    const place = roster.add(a)
    assert.isTrue(roster.remove(a, place))
    assert.isFalse(roster.remove(a, place))
    assert.strictEqual(roster.add(b), place)
    assert.isFalse(roster.remove(a, place))
    assert.isFalse(roster.remove(a, -1))
    assert.strictEqual(roster.size, 1)
  })

  it("takes no more places than there were members at a time", () => {
    const roster = new Roster<{ readonly name: string }>()
    let highest = 0
    for (let round = 0; round < 1000; round++) {
      const there = Array.from({ length: 1 + round % 8 }, (_, i) => member(String(i)))
      const places = there.map((one) => roster.add(one))
      highest = Math.max(highest, ...places)
      for (const [i, one] of there.entries()) roster.remove(one, places[i]!)
    }
    assert.strictEqual(highest, 7)
    assert.strictEqual(roster.size, 0)
  })

  it("tells who is there now, whoever leaves meanwhile", () => {
    const roster = new Roster<{ readonly name: string }>()
    const there = ["a", "b", "c"].map(member)
    const places = there.map((one) => roster.add(one))
    const seen: Array<string> = []
    for (const { name } of roster.all()) {
      seen.push(name)
      for (const [i, one] of there.entries()) roster.remove(one, places[i]!)
    }
    assert.deepStrictEqual(seen, ["a", "b", "c"])
  })
})
