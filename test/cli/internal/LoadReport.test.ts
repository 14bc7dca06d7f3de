import { assert, describe, it } from "@effect/vitest"
import * as LoadReport from "../../../src/layers/cli/internal/LoadReport.ts"

describe("LoadReport", () => {
  it("knows what is loading, what came up and what failed", () => {
    const report = LoadReport.make()
    report.add({ _tag: "Found", models: ["b", "a"] })
    report.add({ _tag: "Loading", model: "b", version: 2 })
    report.add({ _tag: "Loading", model: "a", version: 1 })
    assert.deepStrictEqual(report.loading(), ["b 2", "a 1"])
    report.add({ _tag: "Ready", model: "b", version: 2, millis: 1 })
    report.add({ _tag: "Failed", model: "a", version: 1, reason: "no" })
    assert.deepStrictEqual(report.loading(), [])
    assert.deepStrictEqual(report.rows(undefined), [
      { model: "a", version: "1", status: "UNAVAILABLE", reason: "no" },
      { model: "b", version: "2", status: "READY", reason: "" }
    ])
  })

  it("sorts versions by number", () => {
    const report = LoadReport.make()
    for (const version of [10, 9]) report.add({ _tag: "Ready", model: "a", version, millis: 1 })
    assert.deepStrictEqual(report.rows(undefined).map(({ version }) => version), ["9", "10"])
  })

  it("believes the index, and adds the models that never got there", () => {
    const report = LoadReport.make()
    report.add({ _tag: "Ready", model: "a", version: 1, millis: 1 })
    report.add({ _tag: "Failed", model: "a", version: 2, reason: "no" })
    report.add({ _tag: "Failed", model: "c", version: undefined, reason: "cannot be polled" })
    assert.deepStrictEqual(
      report.rows([
        { name: "a", version: "1", state: "UNAVAILABLE", reason: "unloaded" },
        { name: "b", version: "1", state: "READY" },
        { name: "b", version: "1", state: "READY" },
        { name: "c" }
      ]),
      [
        { model: "a", version: "1", status: "UNAVAILABLE", reason: "unloaded" },
        { model: "b", version: "1", status: "READY", reason: "" },
        { model: "b", version: "1", status: "READY", reason: "" },
        { model: "c", version: "", status: "UNAVAILABLE", reason: "cannot be polled" }
      ]
    )
  })
})
