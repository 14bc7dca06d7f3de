import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as OptionsDocs from "../../src/layers/cli/OptionsDocs.ts"
import { table } from "../../src/schema/ServerOptions.ts"

describe("OptionsDocs", () => {
  it("is what docs/options.md holds (galatea options > docs/options.md)", () => {
    assert.strictEqual(readFileSync(new URL("../../docs/options.md", import.meta.url), "utf8"), OptionsDocs.render())
  })

  it("has one row for each option", () => {
    const lines = OptionsDocs.render().split("\n")
    for (const row of table) {
      assert.strictEqual(lines.filter((line) => line.startsWith(`| \`--${row.name}\``)).length, 1, row.name)
    }
  })
})
