import { assert, describe, it } from "@effect/vitest"
import * as CacheKey from "../../src/layers/cache/internal/CacheKey.ts"
import { Flight, Participant } from "../../src/layers/cache/internal/Flight.ts"
import { FlightTable } from "../../src/layers/cache/internal/FlightTable.ts"
import { job } from "./FakeScheduler.ts"

const { keyOf } = CacheKey.scheme({ model: "m", version: 1, identity: "i" })
const flightOf = (key: CacheKey.CacheKey) => new Flight(new Participant(job([1]), key, 0, 0, () => {}))
const keys = (count: number, checksum: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => ({ ...keyOf(job([i])), hash: `key ${i}`, checksum: checksum(i) }))

describe("FlightTable", () => {
  it.each<[string, (i: number) => number]>([
    ["differ", (i) => Math.imul(i, 2_654_435_761) >>> 0],
    ["are the same", () => 0xffff_ffff]
  ])("finds what is in it and nothing else, where checksums %s", (_, checksum) => {
    const table = new FlightTable()
    const all = keys(100, checksum)
    const flights = all.map(flightOf)
    for (const flight of flights) table.add(flight)
    assert.strictEqual(table.size, 100)
    assert.deepStrictEqual(all.map((key) => flights.indexOf(table.get(key)!)), all.map((_, i) => i))
    for (let i = 0; i < 100; i += 3) table.delete(flights[i]!)
    assert.strictEqual(table.size, 66)
    for (let i = 0; i < 100; i++) assert.strictEqual(table.get(all[i]!), i % 3 === 0 ? undefined : flights[i])
  })

  it("takes out only the flight that it has", () => {
    const table = new FlightTable()
    const [key] = keys(1, () => 7)
    const mine = flightOf(key!)
    table.add(mine)
    table.delete(flightOf(key!))
    assert.strictEqual(table.get(key!), mine)
    assert.strictEqual(table.size, 1)
  })

  it("links those that left to no other", () => {
    const table = new FlightTable()
    const flights = keys(3, () => 7).map(flightOf)
    for (const flight of flights) table.add(flight)
    for (const flight of flights.toReversed()) table.delete(flight)
    assert.deepStrictEqual(flights.map(({ next }) => next), [undefined, undefined, undefined])
    assert.strictEqual(table.size, 0)
  })
})
