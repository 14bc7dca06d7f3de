import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { targets } from "./targets.ts"

const findings = fileURLToPath(new URL("./findings/", import.meta.url))

/** Inputs that were once read wrong, as the fuzzer left them. */
const found = (name: string): ReadonlyArray<Uint8Array> => {
  const folder = join(findings, name)
  return existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : []
}

type Change =
  | { readonly _tag: "set"; readonly at: number; readonly byte: number }
  | { readonly _tag: "insert"; readonly at: number; readonly byte: number }
  | { readonly _tag: "remove"; readonly at: number; readonly count: number }
  | { readonly _tag: "repeat"; readonly at: number; readonly count: number }

const position = fc.double({ min: 0, max: 1, noNaN: true })

const byte = fc.integer({ min: 0, max: 255 })
const count = fc.integer({ min: 1, max: 12 })

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ _tag: fc.constant("set" as const), at: position, byte }),
  fc.record({ _tag: fc.constant("insert" as const), at: position, byte }),
  fc.record({ _tag: fc.constant("remove" as const), at: position, count }),
  fc.record({ _tag: fc.constant("repeat" as const), at: position, count })
)

const changed = (seed: Uint8Array, changes: ReadonlyArray<Change>): Uint8Array => {
  let bytes = [...seed]
  for (const one of changes) {
    const at = Math.floor(one.at * bytes.length)
    if (one._tag === "set") bytes[at] = one.byte
    else if (one._tag === "insert") bytes.splice(at, 0, one.byte)
    else if (one._tag === "remove") bytes.splice(at, one.count)
    else bytes = [...bytes.slice(0, at + one.count), ...bytes.slice(at)]
  }
  return Uint8Array.from(bytes)
}

describe("what strangers send", () => {
  for (const { name, run, seeds } of targets) {
    it(`is read or refused: ${name}`, () => {
      const inputs = [...seeds(), ...found(name), new Uint8Array(0)]
      for (const input of inputs) run(input)
      fc.assert(
        fc.property(
          fc.constantFrom(...inputs),
          fc.array(change, { minLength: 1, maxLength: 6 }),
          (seed, changes) => run(changed(seed, changes))
        ),
        { numRuns: 3000 }
      )
    })
  }

  it("names each reader once", () => {
    assert.strictEqual(new Set(targets.map(({ name }) => name)).size, targets.length)
    if (existsSync(findings)) {
      for (const name of readdirSync(findings)) assert.isTrue(targets.some((target) => target.name === name), name)
    }
  })
})
