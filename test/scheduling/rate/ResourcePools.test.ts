import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type Amount, ResourcePools } from "../../../src/layers/scheduling/internal/rate/ResourcePools.ts"
import type { PlannedInstance } from "../../../src/services/Executor.ts"

const instance = (
  needs: Readonly<Record<string, number>>,
  options: { readonly device?: number; readonly passive?: boolean; readonly global?: boolean } = {}
): PlannedInstance => ({
  name: "m_0",
  device: { kind: options.device === undefined ? "CPU" : "GPU", id: options.device ?? 0 },
  ...(options.passive === undefined ? {} : { passive: options.passive }),
  resources: Object.entries(needs).map(([name, count]) => ({ name, count, global: options.global ?? false }))
})

const amount = (name: string, count: number, device?: number): Amount => ({ name, count, device })

const sizes = (pools: ResourcePools) =>
  Object.fromEntries(pools.all.map(({ device, name, size }) => [`${name}@${device ?? "all"}`, size]))

const failure = (amounts: ReadonlyArray<Amount>, instances: ReadonlyArray<PlannedInstance>) => {
  const pools = new ResourcePools(amounts)
  const added = pools.add(instances)
  // What failed leaves nothing behind.
  if (Result.isFailure(added)) assert.deepStrictEqual(pools.all, [])
  return Result.isFailure(added) ? added.failure : undefined
}

const limited = (name: string, size: number, needed: number) =>
  `Resource count for "${name}" is limited to ${size} which will prevent scheduling of one or more model instances, ` +
  `the minimum required count is ${needed}`

describe("ResourcePools", () => {
  it("refuses instances that need more than there is", () => {
    const needs = [instance({ resource1: 4 }), instance({ resource1: 2 })]
    assert.strictEqual(failure([amount("resource1", 1)], needs), limited("resource1", 1, 4))
    assert.strictEqual(failure([amount("resource1", 3)], needs), limited("resource1", 3, 4))
    assert.strictEqual(failure([amount("resource1", 4)], needs), undefined)
  })

  it("has nothing of what is given for another device, and of what is not named", () => {
    const needs = [instance({ resource1: 4 })]
    assert.strictEqual(failure([amount("resource1", 10, 10)], needs), limited("resource1", 0, 4))
    assert.strictEqual(failure([amount("other", 10)], needs), limited("resource1", 0, 4))
    assert.strictEqual(failure([amount("resource1", 10, 10)], [instance({ resource1: 4 }, { device: 10 })]), undefined)
  })

  it("refuses a resource that is global here and of a device there", () => {
    const text =
      "Resource \"resource2\" is present as both global and device-specific resource in the model configuration."
    const pools = new ResourcePools([])
    assert.isTrue(Result.isSuccess(pools.add([instance({ resource2: 2 })])))
    const other = pools.add([instance({ resource2: 2 }, { global: true })])
    assert.strictEqual(Result.isFailure(other) ? other.failure : undefined, text)
    assert.deepStrictEqual(sizes(pools), { "resource2@0": 2 })
    assert.strictEqual(
      failure([], [instance({ resource2: 1 }), instance({ resource2: 1 }, { global: true })]),
      text
    )
  })

  it("has as much as the instance that needs most, for each device, where nothing is said", () => {
    const pools = new ResourcePools([])
    const first = pools.add([
      instance({ R: 4, S: 1 }),
      instance({ R: 2 }),
      instance({ R: 3 }, { device: 1 }),
      instance({ G: 5 }, { global: true }),
      instance({ G: 7 }, { global: true, device: 1 })
    ])
    assert.deepStrictEqual(sizes(pools), { "R@0": 4, "R@1": 3, "S@0": 1, "G@all": 7 })
    const second = pools.add([instance({ R: 6, G: 0 })])
    assert.isTrue(Result.isFailure(second))
    const third = Result.getOrThrow(pools.add([instance({ R: 6 })]))
    assert.deepStrictEqual(sizes(pools), { "R@0": 6, "R@1": 3, "S@0": 1, "G@all": 7 })
    pools.remove(third)
    assert.deepStrictEqual(sizes(pools), { "R@0": 4, "R@1": 3, "S@0": 1, "G@all": 7 })
    pools.remove(Result.getOrThrow(first))
    assert.deepStrictEqual(sizes(pools), {})
  })

  it("reads given amounts by device and for all", () => {
    const pools = new ResourcePools([
      amount("R", 9),
      amount("R", 5),
      amount("R", 7, 1),
      amount("R", 3, 2),
      amount("G", 2, 4),
      amount("G", 6, 5),
      amount("G", 3)
    ])
    Result.getOrThrow(pools.add([
      instance({ R: 1 }),
      instance({ R: 1 }, { device: 1 }),
      instance({ R: 1 }, { device: 2 }),
      instance({ G: 1 }, { global: true })
    ]))
    // Of two amounts for the same device the least, of those for one device and for all the most.
    assert.deepStrictEqual(sizes(pools), { "R@0": 5, "R@1": 7, "R@2": 5, "G@all": 6 })
  })

  it("counts a name once that is listed twice, and nothing for passive instances", () => {
    const pools = new ResourcePools([])
    const twice: PlannedInstance = {
      name: "m_0",
      device: { kind: "CPU", id: 0 },
      resources: [{ name: "R", count: 4, global: false }, { name: "R", count: 2, global: false }]
    }
    Result.getOrThrow(pools.add([twice, instance({ R: 9, S: 1 }, { passive: true })]))
    assert.deepStrictEqual(sizes(pools), { "R@0": 2 })
  })
})
