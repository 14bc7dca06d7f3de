import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("load.ts", import.meta.url))
const root = fileURLToPath(new URL("../..", import.meta.url))

const load = (folder: string) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [script, folder], { encoding: "utf8" })
  return { status, out: stdout.trim(), err: stderr }
}

describe("contracts", () => {
  it("load without Node, platform packages and native code", () => {
    const count = globSync("{schema,services}/**/*.ts", { cwd: join(root, "src") }).length
    assert.isAbove(count, 50)
    assert.deepStrictEqual(load(join(root, "src")), { status: 0, out: `${count} modules`, err: "" })
  })

  it("would be found out otherwise", () => {
    const folder = mkdtempSync(join(tmpdir(), "galatea-contracts-"))
    try {
      mkdirSync(join(folder, "schema"))
      for (const specifier of ["node:fs", "fs", "onnxruntime-node", "@effect/platform-node"]) {
        writeFileSync(join(folder, "schema", "Wrong.js"), `import "${specifier}"\n`)
        const { err, status } = load(folder)
        assert.strictEqual(status, 1, specifier)
        assert.match(err, /Wrong\.js loads /)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
