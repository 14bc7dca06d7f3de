import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const layers = new URL("../src/layers/", import.meta.url)

const refusal = (specifier: string): unknown => {
  try {
    require.resolve(specifier)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
  return undefined
}

describe("package", () => {
  it("exports no module of an internal folder", () => {
    const stages = readdirSync(layers).filter((stage) => existsSync(new URL(`${stage}/internal/`, layers)))
    assert.isAbove(stages.length, 0)
    for (const stage of stages) {
      const specifier = `galatea/layers/${stage}/internal/Anything`
      assert.strictEqual(refusal(specifier), "ERR_PACKAGE_PATH_NOT_EXPORTED", specifier)
    }
  })

  it("exports the modules of every public folder", () => {
    for (
      const specifier of [
        "galatea",
        "galatea/schema/X",
        "galatea/services/X",
        "galatea/layers/X",
        "galatea/layers/x/X",
        "galatea/client/grpc",
        "galatea/client/grpc/X"
      ]
    ) {
      assert.notStrictEqual(refusal(specifier), "ERR_PACKAGE_PATH_NOT_EXPORTED", specifier)
    }
  })

  it("exports the clients, and none of the modules behind them", () => {
    for (const entry of ["", "/effect", "/grpc", "/rpc"]) {
      assert.notStrictEqual(refusal(`galatea/client${entry}`), "ERR_PACKAGE_PATH_NOT_EXPORTED", entry)
    }
    for (const module of ["HttpClient", "internal/Elements", "EffectClient"]) {
      assert.strictEqual(refusal(`galatea/client/${module}`), "ERR_PACKAGE_PATH_NOT_EXPORTED", module)
    }
  })

  it("runs the install scripts of no package but node and onnxruntime-node", () => {
    const json = (name: string): unknown => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"))
    const { packages } = json("package-lock.json") as {
      packages: Record<string, { readonly hasInstallScript?: boolean }>
    }
    const { allowScripts } = json("package.json") as { allowScripts: Record<string, boolean> }
    const scripted = Object.keys(packages).filter((path) => packages[path]!.hasInstallScript === true)
    // Each that has one was decided about.
    assert.deepStrictEqual(
      scripted.map((path) => path.slice("node_modules/".length)).toSorted(),
      Object.keys(allowScripts).toSorted()
    )
    assert.deepStrictEqual(Object.keys(allowScripts).filter((name) => allowScripts[name]), ["node", "onnxruntime-node"])
  })

  it("brings along nothing whose licence asks more than to be named", () => {
    const licences = readFileSync(new URL("../docs/licences.md", import.meta.url), "utf8")
    const named = [...licences.matchAll(/^\| (\S+) +\| \S+ +\| (.+?) +\|$/gm)].filter(([, name]) =>
      !/^(Package|-+)$/.test(name!)
    )
    assert.isAbove(named.length, 30)
    const allowed = ["Apache-2.0", "MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "(MIT OR CC0-1.0)"]
    for (const [, name, licence] of named) assert.include(allowed, licence, name)
  })

  it("has a lock file without host names", () => {
    const lock = readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")
    assert.notMatch(lock, /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/)
  })

  it("locks every optional package of every platform, which npm ci insists on", () => {
    const { packages } = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")) as {
      packages: Record<string, { readonly optionalDependencies?: Record<string, string> }>
    }
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) =>
        packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined
      )
    )
    assert.deepStrictEqual(missing, [])
  })
})
