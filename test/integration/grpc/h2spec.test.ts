/**
 * The conformance suite of HTTP/2 servers, where it is installed (`GALATEA_H2SPEC` or the path).
 *
 * Source: github.com/summerwind/h2spec.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { echo, start } from "./Wire.ts"

const program = process.env["GALATEA_H2SPEC"] ?? "h2spec"
const installed = spawnSync(program, ["--version"]).error === undefined
if (!installed) console.warn("h2spec is not installed: conformance to RFC 9113 and RFC 7541 is NOT tested")

const run = (port: number, more: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const child = spawn(program, ["--host", "127.0.0.1", "--port", String(port), "--timeout", "3", ...more])
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.on("close", () => resume(Effect.succeed(output)))
    return Effect.sync(() => child.kill())
  })

/** The cases that failed, by their section and number, and how many passed. */
const outcome = (output: string): { readonly failed: ReadonlyArray<string>; readonly passed: number } => {
  const failed: Array<string> = []
  let section = ""
  // The failures are repeated after the list of all cases.
  for (const line of output.slice(0, output.indexOf("\nFailures:") + 1 || undefined).split("\n")) {
    section = /^\s*(\d+(?:\.\d+)+)\. /.exec(line)?.[1] ?? section
    const number = /×\s*(\d+):/.exec(line)?.[1]
    if (number !== undefined) failed.push(`${section}/${number}`)
  }
  return { failed: [...new Set(failed)], passed: Number(/(\d+) passed/.exec(output)?.[1] ?? 0) }
}

describe.skipIf(!installed)("h2spec", () => {
  it.live("passes every case", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const { failed, passed } = outcome(yield* run(port, []))
      // This case sends a block larger than the smallest possible bound on frames, and expects that to be ours.
      assert.deepStrictEqual(failed, ["4.2/3"])
      assert.isAtLeast(passed, 144)
      // The same with a block that is larger than our bound.
      const larger = outcome(yield* run(port, ["--max-header-length", "300000", "http2/4.2/3"]))
      assert.deepStrictEqual(larger, { failed: [], passed: 1 })
    }))
})
