/** What access costs a request, in one process: `node bench/access.ts`. */
import { Effect, Layer } from "effect"
import { hash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ConfiguredAccess from "../src/layers/access/ConfiguredAccess.ts"
import * as Operations from "../src/schema/Operations.ts"
import { Access, type Asker } from "../src/services/Access.ts"

const rounds = 100_000
const operation = Operations.ofProcedure("ModelInfer")

const entry = (i: number) => ({
  id: `key-${i}`,
  hash: `sha256:${hash("sha256", `secret ${i}`, "hex")}`,
  scopes: [{ models: ["resnet*", "bert"], verbs: ["infer", "read"] }]
})

const asker = (more: Partial<Asker>): Asker => ({
  authorization: undefined,
  apiKey: undefined,
  peer: "192.0.2.1",
  forwardedFor: undefined,
  ...more
})

/** Microseconds of one request. */
const measure = (options: ConfiguredAccess.Options, askers: ReadonlyArray<Asker>) =>
  Effect.scoped(
    Effect.gen(function*() {
      const access = yield* Access
      if (access === undefined) return 0
      let best = Number.POSITIVE_INFINITY
      for (let round = 0; round < 5; round++) {
        const begun = performance.now()
        for (let i = 0; i < rounds; i++) {
          const verdict = access.admit(operation, askers[i % askers.length]!, "bert")
          if (Effect.isEffect(verdict) || verdict._tag === "Refused") return yield* Effect.die(verdict)
        }
        best = Math.min(best, (performance.now() - begun) * 1000 / rounds)
      }
      return best
    }).pipe(Effect.provide(Layer.orDie(ConfiguredAccess.layer(options))))
  )

const folder = mkdtempSync(join(tmpdir(), "galatea-access-"))
const fileOf = (count: number): string => {
  const file = join(folder, `${count}.json`)
  writeFileSync(file, JSON.stringify({ keys: Array.from({ length: count }, (_, i) => entry(i)) }))
  return file
}
const plenty = { requestsPerSecond: 1e9, burst: 1e9 }
const addresses = Array.from({ length: 10_000 }, (_, i) => asker({ peer: `10.0.${i >> 8}.${i & 255}` }))

const keyed = (count: number) => Array.from({ length: count }, (_, i) => asker({ apiKey: `secret ${i}` }))

const report = Effect.gen(function*() {
  const rows: ReadonlyArray<readonly [string, ConfiguredAccess.Options, ReadonlyArray<Asker>]> = [
    ["one API key", { keysFile: fileOf(1) }, keyed(1)],
    ["10,000 API keys", { keysFile: fileOf(10_000) }, keyed(10_000)],
    ["10,000 API keys, each with a rate", { keysFile: fileOf(10_000), rate: plenty }, keyed(10_000)],
    ["a rate for one address", { rate: plenty }, [asker({})]],
    [
      "a rate and a quota for 10,000 addresses",
      { rate: plenty, quota: { requests: 1e12, windowSeconds: 86_400 } },
      addresses
    ]
  ]
  for (const [what, options, askers] of rows) {
    const micros = yield* measure(options, askers)
    process.stdout.write(`| ${what} | ${micros.toFixed(2)} µs |\n`)
  }
})

await Effect.runPromise(report)
rmSync(folder, { recursive: true })
