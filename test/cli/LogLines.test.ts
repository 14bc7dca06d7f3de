import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Redacted, Result, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Output } from "../../src/layers/cli/internal/Output.ts"
import * as LogLines from "../../src/layers/cli/LogLines.ts"
import type { LogChange } from "../../src/schema/LogSetting.ts"
import * as ServerOptions from "../../src/schema/ServerOptions.ts"
import { LogSettings } from "../../src/services/LogSettings.ts"

/** What a program logs, by stream, with the process's number taken out. */
const logged = (
  program: Effect.Effect<void>,
  changes: Partial<ServerOptions.ServerOptions> = {},
  { escape = true, rich = false }: { readonly escape?: boolean; readonly rich?: boolean } = {}
) =>
  Effect.gen(function*() {
    const written = { out: "", err: "" }
    const output: Output = {
      out: (text) => written.out += text,
      err: (text) => written.err += text,
      log: (stream, line) => written[stream] += line,
      closed: Effect.never,
      waiting: () => 0,
      rich,
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
      assert.include((yield* logged(program, {}, { escape: false })).out, "] a \"quoted\"\nline\n")
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

  it.effect("writes verbose messages whether info is written or not, as Triton does", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(Effect.logInfo("i"), Effect.logDebug("d"))
      const { out } = yield* logged(program, { logInfo: false, logVerbose: 1 })
      assert.strictEqual(out, "I0102 03:04:05.067000 PID galatea:0] \"d\"\n")
    }))

  it.effect("writes JSON, one object a line", () =>
    Effect.gen(function*() {
      const program = Effect.logWarning("two\nlines \u001b[31m\u009b \u2028", { count: 1 }).pipe(
        Effect.annotateLogs({ source: "Loader:7", model: "simple", version: 1, warm: true, big: 12n, "k\"": [1, 2] })
      )
      const { err } = yield* logged(program, { logFormat: "json" })
      const line = err.replace(`"pid":${process.pid}`, "\"pid\":1")
      assert.strictEqual(
        line,
        "{\"time\":\"2026-01-02T03:04:05.067Z\",\"level\":\"WARN\",\"source\":\"Loader:7\"," +
          "\"message\":\"two\\nlines \\u001b[31m\\u009b \\u2028 {\\\"count\\\":1}\"," +
          "\"annotations\":{\"model\":\"simple\",\"version\":1,\"warm\":true,\"big\":\"12\",\"k\\\"\":\"[1,2]\"},\"pid\":1}\n"
      )
      assert.strictEqual(JSON.parse(line).message, "two\nlines \u001b[31m\u009b \u2028 {\"count\":1}")
    }))

  it.effect("tells causes with their stacks in JSON and in pretty text", () =>
    Effect.gen(function*() {
      const program = Effect.logError("broke", Cause.fail(new Error("why")))
      const { cause, level } = JSON.parse((yield* logged(program, { logFormat: "json" })).err)
      assert.strictEqual(level, "ERROR")
      assert.match(cause, /^Error: why\n +at /)
      const { err } = yield* logged(program, { logFormat: "pretty" })
      assert.match(err, /^03:04:05\.067 ERROR broke\n {2}Error: why\n {6}at /)
    }))

  it.effect("writes pretty text with colours where they are allowed, and moves no cursor", () =>
    Effect.gen(function*() {
      const program = Effect.logInfo("one\ntwo \u001b[2J\u0007").pipe(
        Effect.annotateLogs({ model: "simple", id: "a b", odd: "x=1", n: 2 })
      )
      assert.strictEqual(
        (yield* logged(program, { logFormat: "pretty" })).out,
        "03:04:05.067 INFO  one\n  two \\u001b[2J\\u0007 model=simple id=\"a b\" odd=\"x=1\" n=2\n"
      )
      assert.strictEqual(
        (yield* logged(Effect.logError("m"), { logFormat: "pretty" }, { rich: true })).err,
        "\u001b[2m03:04:05.067\u001b[0m \u001b[31mERROR\u001b[0m m\n"
      )
    }))

  it.effect("names the span of a message where somebody keeps it", () =>
    Effect.gen(function*() {
      const span = Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true })
      const within = Effect.withParentSpan(Effect.logInfo("m"), span)
      const json = JSON.parse((yield* logged(within, { logFormat: "json" })).out)
      assert.deepStrictEqual([json.trace_id, json.span_id], [span.traceId, span.spanId])
      assert.include((yield* logged(within)).out, `"m trace_id=${span.traceId} span_id=${span.spanId}"`)
      assert.include((yield* logged(within, { logFormat: "pretty" })).out, ` trace_id=${span.traceId}\n`)
      const local = yield* logged(Effect.withSpan(Effect.logInfo("m"), "local"), { logFormat: "json" })
      assert.notProperty(JSON.parse(local.out), "trace_id")
    }))

  it.effect("cuts messages, annotations and causes that are too long", () =>
    Effect.gen(function*() {
      const program = Effect.logInfo("x".repeat(255) + "\u{1f600}".repeat(10), Cause.fail("y".repeat(1000))).pipe(
        Effect.annotateLogs({ id: "z".repeat(257) })
      )
      const { out } = yield* logged(program, { logFormat: "json", logMaxMessageLength: 256 })
      const { annotations, cause, message } = JSON.parse(out)
      assert.strictEqual(message, `${"x".repeat(255)}… (20 more characters)`)
      assert.strictEqual(annotations.id, `${"z".repeat(256)}… (1 more characters)`)
      assert.isBelow(cause.length, 300)
    }))

  it.effect("writes any value, but no contents of tensors and no secrets", () =>
    Effect.gen(function*() {
      const round: Record<string, unknown> = {}
      round["self"] = round
      const odd = { toString: () => assert.fail("asked"), toJSON: () => assert.fail("asked") }
      const program = Effect.logInfo(
        new Float32Array([12345]),
        { data: Buffer.from("abc"), deep: [new Uint8Array(3)], secret: Redacted.make("hunter2") },
        round,
        odd,
        undefined,
        Symbol("s")
      )
      const { out } = yield* logged(program, {}, { escape: false })
      assert.include(
        out,
        "] \"<4 bytes>\" {\"data\":\"<3 bytes>\",\"deep\":[\"<3 bytes>\"],\"secret\":\"<redacted>\"} \"[object Object]\" " +
          "\"[object Object]\" undefined Symbol(s)\n"
      )
    }))

  it.effect("changes form and levels while it runs", () =>
    Effect.gen(function*() {
      const change = (to: LogChange) =>
        Effect.gen(function*() {
          Result.getOrThrow((yield* LogSettings).change(to))
        })
      const program = Effect.gen(function*() {
        yield* Effect.logDebug("hidden")
        yield* change({ verboseLevel: 1, format: "json" })
        yield* Effect.logDebug("shown")
        yield* change({ verboseLevel: 0, info: false, warning: false, format: "ISO8601" })
        yield* Effect.logDebug("hidden")
        yield* Effect.logInfo("hidden")
        yield* Effect.logWarning("hidden")
        yield* Effect.logError("last")
      })
      const { err, out } = yield* logged(program)
      assert.deepInclude(JSON.parse(out), { level: "DEBUG", message: "shown" })
      assert.strictEqual(err, "2026-01-02T03:04:05Z E PID galatea:0] \"last\"\n")
    }))

  it.effect("loses lines when nobody reads the console, and says how many", () =>
    Effect.gen(function*() {
      let waiting = 0
      const written: Array<string> = []
      const output: Output = {
        out: (text) => written.push(`out ${text}`),
        err: (text) => written.push(`err ${text}`),
        log: (stream, line) => written.push(`${stream} ${line}`),
        closed: Effect.never,
        waiting: (stream) => stream === "out" ? waiting : 0,
        rich: false,
        columns: () => undefined,
        live: () => {}
      }
      const server = ServerOptions.make({ logFormat: "pretty", logBufferBytes: 65536 })
      yield* Effect.gen(function*() {
        yield* Effect.logInfo("first")
        waiting = 65530
        yield* Effect.logInfo("lost")
        yield* Effect.logInfo("lost")
        waiting = 0
        yield* Effect.logInfo("last")
      }).pipe(Effect.provide(LogLines.layer({ server, output, escape: true })))
      assert.deepStrictEqual(written.map((line) => line.replace(/\d\d:\d\d:\d\d\.\d{3} /, "").trimEnd()), [
        "out INFO  first",
        "err WARN  2 lines of the log are missing here: more came than could be written (--log-buffer-bytes)",
        "out INFO  last"
      ])
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
