/** The command line as a package has it: built, bundled, and with what it compiles kept for the next start. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** A checkout of its own, built as a package is. */
const build = (): string => {
  const checkout = mkdtempSync(join(tmpdir(), "galatea-package-"))
  const files = ["package.json", "tsconfig.json", "tsconfig.build.json", "bin", "build", "src"]
  for (const name of files) cpSync(join(root, name), join(checkout, name), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"))
  execFileSync("npm", ["run", "--silent", "build"], { cwd: checkout })
  return checkout
}

const doubled = `
import { Effect } from "effect"
import { type CustomModel, Tensor } from "galatea/custom"

export const make: CustomModel.Make = () =>
  Effect.succeed(({ X }) => Effect.succeed([Tensor.from("Y", X!.shape, Tensor.values(X!, "FP32").map((one) => one * 2))]))
`

const config = `platform: "custom"
max_batch_size: 0
input [ { name: "X" data_type: TYPE_FP32 dims: [ 2 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 2 ] } ]
`

const rows = (name: string) => ({
  name,
  datatype: "INT32",
  shape: [1, 16],
  data: Array.from({ length: 16 }, (_, i) => i)
})

const infer = (url: string, model: string, inputs: ReadonlyArray<object>) =>
  Child.ask(`${url}/v2/models/${model}/infer`, { method: "POST", body: JSON.stringify({ inputs }) })

describe("the package", () => {
  let checkout = ""
  beforeAll(() => {
    checkout = build()
    return () => rmSync(checkout, { recursive: true, force: true })
  })

  /** Without what the tests let Node keep: the launcher decides. */
  const launched = (variables: Readonly<Record<string, string>>) => ({
    program: ["/usr/bin/env", "-u", "NODE_COMPILE_CACHE", process.execPath, join(checkout, "bin", "galatea.js")],
    variables
  })
  const version = (variables: Readonly<Record<string, string>>) => Child.run(["--version"], launched(variables))

  for (const isolation of ["thread", "process"]) {
    it.live(`serves models, custom models and the console, each instance in a ${isolation}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const models = yield* Child.folder({
          simple: { 1: { "model.onnx": Models.simple() } },
          doubled: { "config.pbtxt": config, 1: { "model.ts": doubled } }
        })
        const { url } = yield* Child.serve(
          [models, `--model-isolation=${isolation}`, "--console=true"],
          launched({ XDG_CACHE_HOME: yield* Child.folder({}) })
        )
        const simple = yield* infer(url, "simple", [rows("INPUT0"), rows("INPUT1")])
        assert.strictEqual(simple.status, 200, simple.text)
        assert.include(simple.text, "\"data\":[0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30]")
        const twice = yield* infer(url, "doubled", [{ name: "X", datatype: "FP32", shape: [2], data: [1.5, -2] }])
        assert.strictEqual(twice.status, 200, twice.text)
        assert.include(twice.text, "\"data\":[3.0,-4.0]")
        for (const [file, text] of [["", "<html"], ["/main.js", "import "]] as const) {
          const page = yield* Child.ask(`${url}/v2/console${file}`)
          assert.strictEqual(page.status, 200, file)
          assert.include(page.text, text, file)
        }
      })))
  }

  it("says what it holds of other packages, and under which licence", () => {
    const notices = readFileSync(join(checkout, "dist", "bin", "LICENSES.txt"), "utf8")
    for (const name of ["effect", "@effect/platform-node", "ws"]) {
      assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+, MIT$`, "m"))
    }
    assert.include(notices, "Permission is hereby granted, free of charge")
  })

  const folders = (cache: string) => readdirSync(join(cache, "galatea", "compile"))
  const files = (cache: string): ReadonlyArray<string> =>
    readdirSync(join(cache, "galatea"), { recursive: true, encoding: "utf8" })
      .map((name) => join(cache, "galatea", name))
      .filter((path) => statSync(path).isFile())

  it.live("keeps what it compiles where only this user may write, and starts with what is spoilt there", () =>
    Effect.scoped(Effect.gen(function*() {
      const cache = yield* Child.folder({})
      const first = yield* version({ XDG_CACHE_HOME: cache })
      assert.strictEqual(first.code, 0, first.err)
      assert.strictEqual(folders(cache).length, 1)
      assert.strictEqual(statSync(join(cache, "galatea", "compile")).mode & 0o777, 0o700)
      assert.isAbove(files(cache).length, 0)
      for (const file of files(cache)) writeFileSync(file, readFileSync(file).fill(0x5a, 64))
      assert.deepStrictEqual(yield* version({ XDG_CACHE_HOME: cache }), first)
      for (const file of files(cache)) writeFileSync(file, "")
      assert.deepStrictEqual(yield* version({ XDG_CACHE_HOME: cache }), first)
    })))

  it.live("keeps nothing where others may write or nothing can be written", () =>
    Effect.scoped(Effect.gen(function*() {
      const open = yield* Child.folder({})
      chmodSync(open, 0o777)
      const shared = yield* Child.folder({})
      mkdirSync(join(shared, "galatea"))
      chmodSync(join(shared, "galatea"), 0o777)
      const linked = yield* Child.folder({ elsewhere: {} })
      symlinkSync(join(linked, "elsewhere"), join(linked, "galatea"))
      const blocked = join(yield* Child.folder({ file: "" }), "file")
      // A system that says of a folder which is there that it is not.
      const strange = process.platform === "linux" ? ["/proc/cache/of/galatea"] : []
      for (const cache of [open, shared, linked, blocked, ...strange]) {
        const { code, err, out } = yield* version({ XDG_CACHE_HOME: cache })
        assert.deepStrictEqual({ code, err }, { code: 0, err: "" }, cache)
        assert.match(out, /^galatea /)
      }
      assert.isFalse(existsSync(join(open, "galatea")))
      assert.deepStrictEqual(readdirSync(join(shared, "galatea")), [])
      assert.deepStrictEqual(readdirSync(join(linked, "elsewhere")), [])
    })))

  it.live("keeps no more than eight folders, and leaves out the oldest", () =>
    Effect.scoped(Effect.gen(function*() {
      const cache = yield* Child.folder({})
      const parent = join(cache, "galatea", "compile")
      for (let i = 0; i < 12; i++) mkdirSync(join(parent, `old-${i}`), { recursive: true, mode: 0o700 })
      for (let i = 0; i < 12; i++) execFileSync("touch", ["-d", `@${1_000_000_000 + i}`, join(parent, `old-${i}`)])
      yield* version({ XDG_CACHE_HOME: cache })
      const left = folders(cache).filter((name) => name.startsWith("old-"))
      assert.deepStrictEqual(left.toSorted(), ["old-10", "old-11", "old-5", "old-6", "old-7", "old-8", "old-9"])
      assert.strictEqual(folders(cache).length, 8)
    })))
})
