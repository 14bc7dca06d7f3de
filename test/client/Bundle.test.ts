/** What a page loads when it imports `galatea/client`. */
import { assert, describe, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const maxGzipBytes = 15 * 1024

const bundle = async () => {
  const built = await rolldown({
    input: fileURLToPath(new URL("../../src/client/Client.ts", import.meta.url)),
    platform: "browser",
    external: /^[^./]/
  })
  const { output } = await built.generate({ format: "esm", minify: true })
  return output
}

describe("the plain client in a bundle", () => {
  it("is one file below its bound, without Node, Effect or any other package", async () => {
    const [chunk, ...others] = await bundle()
    assert.strictEqual(others.length, 0)
    assert.deepStrictEqual([...chunk.imports, ...chunk.dynamicImports], [])
    assert.isBelow(gzipSync(chunk.code).byteLength, maxGzipBytes)
    assert.notMatch(chunk.code, /node:|\bprocess\.|\bBuffer\b|\brequire\(/)
  })
})
