import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Output } from "../../src/layers/cli/internal/Output.ts"
import * as LogLines from "../../src/layers/cli/LogLines.ts"
import * as ServerOptions from "../../src/schema/ServerOptions.ts"

/** What a program logs, by stream, with the process's number taken out. */
const logged = (
  program: Effect.Effect<void>,
  changes: Partial<ServerOptions.ServerOptions> = {},
  escape = true
) =>
  Effect.gen(function*() {
    const written = { out: "", err: "" }
    const output: Output = {
      out: (text) => written.out += text,
      err: (text) => written.err += text,
      rich: false,
      columns: () => undefined,
      live: () => {}
    }
    yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 67))
    yield* program.pipe(Effect.provide(LogLines.layer({ server: ServerOptions.make(changes), output, escape })))
    const plain = (text: string) => text.replaceAll(` ${process.pid} `, " PID ")
    return { out: plain(written.out), err: plain(written.err) }
  })

describe("LogLines", () => {
  it.effect("writes info to standard output, and warnings and errors to standard error", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(Effect.logInfo("i"), Effect.andThen(Effect.logWarning("w"), Effect.logError("e")))
      assert.deepStrictEqual(yield* logged(program), {
        out: "I0102 03:04:05.067000 PID galatea:0] \"i\"\n",
        err: "W0102 03:04:05.067000 PID galatea:0] \"w\"\nE0102 03:04:05.067000 PID galatea:0] \"e\"\n"
      })
    }))

  it.effect("writes ISO 8601 heads", () =>
    Effect.gen(function*() {
      const { out } = yield* logged(Effect.logInfo("i"), { logFormat: "ISO8601" })
      assert.strictEqual(out, "2026-01-02T03:04:05Z I PID galatea:0] \"i\"\n")
    }))

  it.effect("keeps a message on one line, unless escaping is off", () =>
    Effect.gen(function*() {
      const program = Effect.logInfo("a \"quoted\"\nline")
      assert.include((yield* logged(program)).out, "] \"a \\\"quoted\\\"\\nline\"\n")
      assert.include((yield* logged(program, {}, false)).out, "] a \"quoted\"\nline\n")
    }))

  it.effect("adds annotations, and puts the annotation source into the head", () =>
    Effect.gen(function*() {
      const program = Effect.logInfo("m").pipe(Effect.annotateLogs({ model: "simple", source: "Loader:7" }))
      assert.strictEqual((yield* logged(program)).out, "I0102 03:04:05.067000 PID Loader:7] \"m model=simple\"\n")
    }))

  it.effect("leaves out the levels that are switched off", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(Effect.logInfo("i"), Effect.andThen(Effect.logWarning("w"), Effect.logError("e")))
      const only = (letter: string) => ({
        logInfo: letter === "I",
        logWarning: letter === "W",
        logError: letter === "E"
      })
      for (const letter of ["I", "W", "E"]) {
        const { err, out } = yield* logged(program, only(letter))
        assert.strictEqual((out + err).length > 0 ? (out + err).split("\n").length : 0, 2)
        assert.isTrue((out + err).startsWith(letter))
      }
    }))

  it.effect("writes verbose messages by level", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(Effect.logDebug("d"), Effect.logTrace("t"))
      const lines = (level: number) =>
        Effect.map(logged(program, { logVerbose: level }), ({ out }) => out.split("\n").length - 1)
      assert.deepStrictEqual([yield* lines(0), yield* lines(1), yield* lines(2)], [0, 1, 2])
    }))

  it.effect("appends everything to a log file, and nothing to the console", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "galatea-log-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const logFile = join(folder, "log.txt")
      const first = yield* logged(Effect.logInfo("first"), { logFile })
      const second = yield* logged(Effect.logError("second"), { logFile })
      assert.deepStrictEqual([first, second], [{ out: "", err: "" }, { out: "", err: "" }])
      assert.match(readFileSync(logFile, "utf8"), /^I.*"first"\nE.*"second"\n$/)
    }))
})
