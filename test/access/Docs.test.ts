/** The table of docs/access.md is the one in the code. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Operations from "../../src/schema/Operations.ts"

const code = (ways: ReadonlyArray<string>): string => ways.map((way) => `\`${way}\``).join(", ")

const needOf = ({ change, need }: Operations.Operation): string =>
  change === undefined ? need : `${need}; ${change} to change`

const row = (operation: Operations.Operation): string => {
  const procedures = [...operation.rpc, ...operation.grpc.map((path) => path.slice(1))]
  return `| ${needOf(operation)} | ${operation.about} | ${code(operation.http)} | ${code(procedures)} |`.replaceAll(
    / +/g,
    " "
  )
}

describe("docs/access.md", () => {
  it("has every operation with what it needs", () => {
    const text = readFileSync(new URL("../../docs/access.md", import.meta.url), "utf8")
    const shown = text.split("\n").map((line) => line.replaceAll(/ +/g, " "))
    for (const operation of Operations.operations) assert.include(shown, row(operation))
    const rows = shown.filter((line) => /^\| (?:open|probe|key|infer|read|admin)[;| ]/.test(line))
    assert.lengthOf(rows, Operations.operations.length)
  })
})

describe("the table of operations", () => {
  it("has each way once", () => {
    const ways = Operations.operations.flatMap(({ grpc, http, rpc }) => [...http, ...rpc, ...grpc])
    assert.strictEqual(new Set(ways).size, ways.length)
  })

  it("refuses what is not in it", () => {
    assert.throws(() => Operations.ofRoute("GET", "/v2/new"), /has no row in schema\/Operations\.ts/)
    assert.throws(() => Operations.ofMethod("/inference.GRPCInferenceService/New"), /has no row/)
    assert.throws(() => Operations.ofProcedure("New"), /has no row/)
  })
})
