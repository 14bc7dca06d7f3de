import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as CustomImports from "../../src/layers/execution/internal/CustomImports.ts"

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly exports: CustomImports.Exports
}
const pathOf = (specifier: string, fromSources: boolean) =>
  CustomImports.pathOf(manifest.exports, specifier, fromSources)

describe("imports of custom models", () => {
  const cases: ReadonlyArray<readonly [string, string | undefined, string | undefined]> = [
    ["galatea", "./src/index.ts", "./dist/index.js"],
    ["galatea/custom", "./src/Custom.ts", "./dist/Custom.js"],
    ["galatea/schema/Tensor", "./src/schema/Tensor.ts", "./dist/schema/Tensor.js"],
    ["galatea/client", "./src/client/Client.ts", "./dist/client/Client.js"],
    ["galatea/client/grpc/X", "./src/client/grpc/X.ts", "./dist/client/grpc/X.js"],
    ["galatea/package.json", "./package.json", "./package.json"],
    ["galatea/layers/execution/internal/Mailbox", undefined, undefined],
    ["galatea/nothing", undefined, undefined]
  ]
  for (const [specifier, sources, built] of cases) {
    it(`find ${specifier} as package.json says`, () => {
      assert.strictEqual(pathOf(specifier, true), sources)
      assert.strictEqual(pathOf(specifier, false), built)
    })
  }
})
