import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Rollout from "../../src/schema/Rollout.ts"

const read = (json: unknown) => {
  const result = Rollout.fromJson(json)
  return Result.isSuccess(result) ? result.success : `${result.failure.path.join(".")} ${result.failure.problem}`
}

const target = "expected a label of 'labels', a version, \"latest\" or \"previous\""

describe("Rollout", () => {
  it("reads labels, traffic, the sticky parameter and a shadow", () => {
    assert.deepStrictEqual(
      read({
        labels: { stable: 1, canary: "latest" },
        traffic: { stable: 95, canary: 5, 3: 0 },
        sticky: "user_id",
        shadow: { to: 2, share: 0.5, tolerance: { absolute: 1e-3 } }
      }),
      {
        labels: new Map<string, Rollout.VersionReference>([["stable", 1], ["canary", "latest"]]),
        traffic: new Map([["3", 0], ["stable", 95], ["canary", 5]]),
        sticky: "user_id",
        shadow: { to: "2", share: 0.5, tolerance: { absolute: 1e-3, relative: 0 } }
      }
    )
    assert.deepStrictEqual(read({}), { labels: new Map(), traffic: undefined, sticky: undefined, shadow: undefined })
  })

  it("says which field is wrong, what it holds, and what was expected", () => {
    const labels = { stable: 1 }
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 1]))
    const version = "expected a version (a whole number from 0 on), \"latest\" or \"previous\""
    const cases: ReadonlyArray<readonly [json: unknown, message: string]> = [
      [
        [],
        " is a list; expected an object with 'labels', 'traffic', 'sticky' and 'shadow', each of which may be left out"
      ],
      [{ label: {} }, "label is no field; did you mean 'labels'?"],
      [{ x: {} }, "x is no field; expected one of 'labels', 'traffic', 'sticky', 'shadow'"],
      [{ labels: ["stable"] }, "labels is a list; expected an object of at most 64 labels with their versions"],
      [{ labels: { stable: -1 } }, `labels.stable is -1; ${version}`],
      [{ labels: { stable: 1.5 } }, `labels.stable is 1.5; ${version}`],
      [{ labels: { stable: "newest" } }, `labels.stable is "newest"; ${version}`],
      [{ labels: { stable: null } }, `labels.stable is null; ${version}`],
      [{ labels: { stable: { v: 1 } } }, `labels.stable is an object of 1 member; ${version}`],
      [
        { labels: { 7: 1 } },
        "labels.7 is no label; expected a letter, then up to 63 letters, digits, '_' and '-'"
      ],
      [
        { labels: { "a b": 1 } },
        "labels.a b is no label; expected a letter, then up to 63 letters, digits, '_' and '-'"
      ],
      [
        { labels: { latest: 1 } },
        "labels.latest has a meaning of its own; expected another name for the label"
      ],
      [
        { labels: many(65) },
        "labels is an object of 65 members; expected an object of at most 64 labels with their versions"
      ],
      [{ labels, traffic: { stabel: 1 } }, `traffic.stabel is no target; ${target}; did you mean 'stable'?`],
      [{ labels, traffic: { "01": 1 } }, `traffic.01 is no target; ${target}`],
      [{ labels, traffic: { stable: -1 } }, "traffic.stable is -1; expected a weight from 0 to 1000000000"],
      [{ labels, traffic: { stable: 1e10 } }, "traffic.stable is 10000000000; expected a weight from 0 to 1000000000"],
      [{ labels, traffic: { stable: "1" } }, `traffic.stable is "1"; expected a weight from 0 to 1000000000`],
      [
        { labels, traffic: { stable: 0 } },
        "traffic has no weight above 0; expected at least one, or no 'traffic' at all"
      ],
      [{ traffic: {} }, "traffic has no weight above 0; expected at least one, or no 'traffic' at all"],
      [
        { traffic: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, 1])) },
        "traffic is an object of 17 members; expected an object of at most 16 targets with their weights"
      ],
      [{ sticky: "" }, `sticky is ""; expected the name of a request parameter`],
      [{ sticky: "u" }, "sticky decides between targets, and there are none; expected 'traffic' as well"],
      [{ shadow: { to: "x", share: 1 } }, `shadow.to is no target; ${target}`],
      [{ shadow: { to: 1 } }, "shadow.share is missing; expected a number from 0 to 1"],
      [{ shadow: { to: 1, share: 1.1 } }, "shadow.share is 1.1; expected a number from 0 to 1"],
      [{ shadow: { to: -1, share: 1 } }, `shadow.to is -1; ${target}`],
      [
        { shadow: { to: 1, share: 1, tolerances: {} } },
        "shadow.tolerances is no field; did you mean 'tolerance'?"
      ],
      [
        { shadow: { to: 1, share: 1, tolerance: { absolute: -1 } } },
        "shadow.tolerance.absolute is -1; expected a number from 0 on"
      ],
      [{ labels: { stable: "x".repeat(500) } }, `labels.stable is "${"x".repeat(79)}…; ${version}`]
    ]
    for (const [json, message] of cases) assert.strictEqual(read(json), message)
  })

  it("finds the first version that is named and not served", () => {
    const unserved = (json: unknown, served: ReadonlyArray<number>) => {
      const fault = Rollout.unserved(Result.getOrThrow(Rollout.fromJson(json)), served)
      return fault && `${fault.path.join(".")} ${fault.problem}`
    }
    const all = { labels: { a: 1, b: "previous" }, traffic: { a: 1, 2: 1 }, shadow: { to: 3, share: 1 } }
    assert.isUndefined(unserved(all, [1, 2, 3]))
    assert.strictEqual(
      unserved(all, [2, 3]),
      "labels.a stands for version 1, which is not served; expected one of 2, 3"
    )
    assert.strictEqual(
      unserved(all, [1, 3]),
      "traffic.2 stands for version 2, which is not served; expected one of 1, 3"
    )
    assert.strictEqual(
      unserved(all, [1, 2]),
      "shadow.to stands for version 3, which is not served; expected one of 1, 2"
    )
  })

  it("takes latest and previous among the ready versions", () => {
    assert.strictEqual(Rollout.resolve("latest", [1, 4, 7]), 7)
    assert.strictEqual(Rollout.resolve("previous", [1, 4, 7]), 4)
    assert.isUndefined(Rollout.resolve("previous", [7]))
    assert.isUndefined(Rollout.resolve("latest", []))
    assert.strictEqual(Rollout.resolve(4, [1, 4]), 4)
    assert.isUndefined(Rollout.resolve(2, [1, 4]))
  })
})
