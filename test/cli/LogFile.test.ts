import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as LogFile from "../../src/layers/cli/internal/log/LogFile.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "galatea-log-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

/** Waits for what the disk does, in real time. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setInterval(() => {
      if (holds()) resume(Effect.void)
    }, 2)
    return Effect.sync(() => clearInterval(timer))
  })

/** Ten milliseconds of real time. */
const aMoment = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 10)
  return Effect.sync(() => clearTimeout(timer))
})

const read = (path: string): string => Fs.existsSync(path) ? Fs.readFileSync(path, "utf8") : ""

/** A log file in a new folder, what it complained of, and its end. */
const started = Effect.fnUntraced(function*(options: { readonly target?: string; readonly maxBytes?: number } = {}) {
  const directory = join(yield* folder, "logs")
  Fs.mkdirSync(directory)
  const path = join(directory, "log")
  if (options.target !== undefined) Fs.symlinkSync(options.target, path)
  const complaints: Array<string> = []
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const file = yield* LogFile.make({
    path,
    maxBytes: options.maxBytes ?? 1000,
    missing: (lines) => `${lines} missing\n`,
    complain: (sentence) => complaints.push(sentence)
  }).pipe(Scope.provide(scope))
  return { directory, path, file, complaints, close: Scope.close(scope, Exit.void) }
})

describe("LogFile", () => {
  it.effect("appends lines in their order while it runs", () =>
    Effect.gen(function*() {
      const { complaints, file, path } = yield* started({ maxBytes: 100_000 })
      const lines = Array.from({ length: 500 }, (_, i) => `line ${i} é\n`)
      for (const line of lines) file.write(line)
      const all = lines.join("")
      yield* until(() => read(path).length === all.length)
      assert.strictEqual(read(path), all)
      assert.deepStrictEqual(complaints, [])
    }))

  it.effect("has every line when its scope has closed", () =>
    Effect.gen(function*() {
      const { close, file, path } = yield* started()
      file.write("one\n")
      file.write("two\n")
      yield* close
      assert.strictEqual(read(path), "one\ntwo\n")
    }))

  it.effect("loses lines that have no room, and says how many", () =>
    Effect.gen(function*() {
      const { close, file, path } = yield* started({ maxBytes: 20 })
      for (const line of ["0123456789\n", "01234567\n", "lost\n", "lost\n"]) file.write(line)
      // The lines are in the file a little before their room is free again.
      yield* until(() => {
        file.write("x\n")
        return read(path).endsWith("x\n")
      })
      for (let i = 0; i < 3; i++) file.write("also lost, too long\n")
      yield* close
      const [, lost, written] = /^0123456789\n01234567\n(\d+) missing\n((?:x\n)+)3 missing\n$/.exec(read(path)) ?? []
      assert.isAtLeast(Number(lost), 2)
      assert.isDefined(written)
    }))

  it.effect("begins anew where the file was moved away or removed", () =>
    Effect.gen(function*() {
      const { complaints, file, path } = yield* started()
      file.write("one\n")
      yield* until(() => read(path) === "one\n")
      Fs.renameSync(path, `${path}.1`)
      file.write("two\n")
      yield* until(() => read(`${path}.1`) === "one\ntwo\n")
      yield* TestClock.adjust("1 second")
      file.write("three\n")
      yield* until(() => read(path) === "three\n")
      Fs.rmSync(path)
      file.reopen()
      yield* until(() => Fs.existsSync(path))
      file.write("four\n")
      yield* until(() => read(path) === "four\n")
      assert.strictEqual(read(`${path}.1`), "one\ntwo\n")
      assert.deepStrictEqual(complaints, [])
    }))

  it.effect("keeps lines while the disk is full as far as they have room, and tells it once", () =>
    Effect.gen(function*() {
      const { complaints, directory, file, path } = yield* started({ target: "/dev/full", maxBytes: 20 })
      file.write("kept 1\n")
      yield* until(() => complaints.length === 1)
      for (const line of ["kept 2\n", "kept\n", "lost\n"]) file.write(line)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      const real = join(directory, "real")
      Fs.rmSync(path)
      Fs.symlinkSync(real, path)
      // Another try may be on its way to the full disk still.
      while (read(real) !== "kept 1\nkept 2\nkept\n") {
        yield* TestClock.adjust("1 second")
        yield* aMoment
      }
      // Its room is free a little after it is in the file.
      yield* until(() => {
        file.write("x\n")
        return read(real).endsWith("x\n")
      })
      assert.match(read(real), /^kept 1\nkept 2\nkept\n[1-9]\d* missing\n(x\n)+$/)
      assert.deepStrictEqual(complaints, [
        `cannot write to the log file '${path}': ENOSPC: no space left on device, write; up to 20 bytes are kept until it can be written again`
      ])
    }))

  it.effect("goes on in the file it has while its folder is gone", () =>
    Effect.gen(function*() {
      const { complaints, directory, file, path } = yield* started()
      const moved = `${directory}-moved`
      Fs.renameSync(directory, moved)
      for (const line of ["one\n", "two\n"]) {
        yield* TestClock.adjust("1 second")
        file.write(line)
        yield* until(() => read(join(moved, "log")).endsWith(line))
      }
      assert.strictEqual(complaints.length, 1)
      assert.include(complaints[0], "ENOENT")
      Fs.mkdirSync(directory)
      yield* TestClock.adjust("1 second")
      file.write("three\n")
      yield* until(() => read(path) === "three\n")
      assert.strictEqual(read(join(moved, "log")), "one\ntwo\n")
    }))

  it.effect("ends in spite of a full disk", () =>
    Effect.gen(function*() {
      const { close, complaints, file } = yield* started({ target: "/dev/full" })
      file.write("one\n")
      yield* close
      assert.strictEqual(complaints.length, 1)
    }))

  it.effect("does not wait for somebody who reads a pipe", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "pipe")
      execFileSync("mkfifo", [path])
      const complaints: Array<string> = []
      const options = {
        path,
        maxBytes: 1_000_000,
        missing: String,
        complain: (sentence: string) => complaints.push(sentence)
      }
      const { message } = yield* Effect.flip(Effect.scoped(LogFile.make(options)))
      assert.match(message, /cannot write to '.*pipe': ENXIO: .* it is a pipe that nobody reads/)
      const reader = Fs.openSync(path, Fs.constants.O_RDONLY | Fs.constants.O_NONBLOCK)
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* LogFile.make(options)
        // More than a pipe holds, and nobody takes it out.
        for (let i = 0; i < 200; i++) file.write(`${"x".repeat(999)}\n`)
        while (complaints.length === 0) {
          yield* TestClock.adjust("100 millis")
          yield* aMoment
        }
      }))
      Fs.closeSync(reader)
      assert.include(complaints[0], "EAGAIN")
    }))

  it.effect("does not begin where it cannot write", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "nowhere", "log")
      const options = { path, maxBytes: 1, missing: String, complain: () => {} }
      const { message } = yield* Effect.flip(Effect.scoped(LogFile.make(options)))
      assert.match(message, /^Bad option: "--log-file".\ncannot write to '.*nowhere\/log': ENOENT/)
    }))
})
