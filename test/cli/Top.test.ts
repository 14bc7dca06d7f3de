import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Runtime } from "effect"
import type * as Top from "../../src/layers/cli/Top.ts"
import * as Metrics from "./internal/top/Metrics.ts"
import { answers, make, pass } from "./internal/top/Watched.ts"

describe("galatea top on a terminal", () => {
  it.effect("takes the whole terminal, looks again and again, and gives it back", () =>
    Effect.gen(function*() {
      const { out, press, run, screen, server } = yield* make({ isTTY: true })
      const fiber = yield* Effect.forkChild(run(), { startImmediately: true })
      yield* answers
      assert.isTrue(out().startsWith("\x1b[?1049h\x1b[?25l"))
      assert.match(screen()[4]!, /^simple +1 +ready +- /)
      assert.sameMembers([...new Set(server.asked)], [
        "host:8000/v2/metrics/place",
        "host:8002/metrics",
        "host:8000/v2/repository/index"
      ])
      server.metrics = Metrics.version({ requests: 30, pending: 4 })
      yield* pass("2 seconds")
      assert.match(screen()[4]!, /^simple +1 +ready +15\.0 .* 4 /)
      yield* press("q")
      yield* Fiber.join(fiber)
      assert.isTrue(out().endsWith("\x1b[?25h\x1b[?1049l"))
    }))

  it.effect("says when the server is gone, and goes on when it is back", () =>
    Effect.gen(function*() {
      const { press, run, screen, server } = yield* make({ isTTY: true })
      const fiber = yield* Effect.forkChild(run(), { startImmediately: true })
      yield* answers
      server.gone = true
      yield* pass("2 seconds")
      assert.match(screen()[1]!, /^No answer from http:\/\/host:8000 \(ECONNREFUSED\)/)
      assert.match(screen()[4]!, /^simple /)
      server.gone = false
      server.metrics = Metrics.version({ requests: 40 })
      yield* pass("2 seconds")
      assert.match(screen()[1]!, /^1 model {3}10\.0 requests\/s/)
      yield* press("c", true)
      yield* Fiber.join(fiber)
    }))

  it.effect("orders, turns round and scrolls by keys, and draws anew when the terminal is resized", () =>
    Effect.gen(function*() {
      const { press, resize, run, screen, server } = yield* make({ isTTY: true })
      const models = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
      server.metrics = models.map((model) => Metrics.version({ model })).join("")
      server.index = "[]"
      const fiber = yield* Effect.forkChild(run({ sort: "name" }), { startImmediately: true })
      yield* answers
      const first = () => screen()[4]![0]
      assert.deepStrictEqual([first(), screen().length - 1], ["a", 12])
      yield* press("down")
      assert.strictEqual(first(), "b")
      for (let i = 0; i < 9; i++) yield* press("j")
      assert.strictEqual(first(), "c", "the last rows are in sight")
      yield* press("up")
      assert.strictEqual(first(), "b")
      yield* press("r")
      assert.strictEqual(first(), "h")
      yield* press("s")
      assert.include(screen()[3]!, "REQ/S*")
      yield* press("x")
      yield* resize({ columns: 40, rows: 24 })
      assert.strictEqual(screen().length - 1, 14)
      assert.notInclude(screen()[3]!, "STATE")
      yield* press("escape")
      yield* Fiber.join(fiber)
    }))

  it.effect("goes on without a keyboard", () =>
    Effect.gen(function*() {
      const { endOfKeys, run, screen, server } = yield* make({ isTTY: true })
      const fiber = yield* Effect.forkChild(run(), { startImmediately: true })
      yield* answers
      yield* endOfKeys
      server.metrics = Metrics.version({ requests: 30 })
      yield* pass("2 seconds")
      assert.match(screen()[4]!, / 15\.0 /)
      yield* Fiber.interrupt(fiber)
    }))
})

describe("galatea top without a terminal", () => {
  it.effect("writes one table for each interval, and what is wrong to standard error", () =>
    Effect.gen(function*() {
      const { err, out, run, server } = yield* make({ isTTY: false })
      const fiber = yield* Effect.forkChild(run(), { startImmediately: true })
      yield* answers
      assert.strictEqual(out(), "")
      server.metrics = Metrics.version({ requests: 8 })
      yield* pass("2 seconds")
      assert.match(
        out(),
        /^1970-01-01T00:00:02\.000Z {3}http:\/\/host:8000 \(.*\) {3}1 model {3}4\.00 requests\/s.*\nPerhaps .*\nMODEL .*\nsimple .*\n\n$/
      )
      server.gone = true
      yield* pass("2 seconds")
      yield* pass("2 seconds")
      assert.match(err(), /^galatea top: No answer from http:\/\/host:8000 .* Trying again\.\n$/)
      server.gone = false
      yield* pass("2 seconds")
      assert.match(err(), /\ngalatea top: http:\/\/host:8000 answers again\.\n$/)
      assert.strictEqual(out().split("MODEL").length, 3)
      assert.notInclude(out(), "\x1b")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("ends without a word once nobody reads what it writes", () =>
    Effect.gen(function*() {
      for (const isTTY of [true, false]) {
        const { err, run, unread } = yield* make({ isTTY })
        const fiber = yield* Effect.forkChild(run(), { startImmediately: true })
        yield* answers
        yield* unread
        const failure = yield* Effect.flip(Fiber.join(fiber))
        assert.deepStrictEqual([failure.message, failure[Runtime.errorExitCode], err()], ["", 141, ""])
      }
    }))

  it.effect("writes one table with --once, also on a terminal", () =>
    Effect.gen(function*() {
      for (const isTTY of [true, false]) {
        const { out, run } = yield* make({ isTTY })
        const fiber = yield* Effect.forkChild(run({ once: true, interval: 10 }), { startImmediately: true })
        yield* answers
        yield* pass("10 seconds")
        yield* Fiber.join(fiber)
        assert.match(out(), /Z {3}http.*\n.*\nMODEL .*\nsimple .*\n$/)
        assert.notInclude(out(), "\x1b")
      }
    }))

  it.effect("shows metrics although the server does not list its models, and says why", () =>
    Effect.gen(function*() {
      const { out, run, server } = yield* make({ isTTY: false })
      server.index = undefined
      const fiber = yield* Effect.forkChild(run({ once: true }), { startImmediately: true })
      yield* answers
      yield* pass("2 seconds")
      yield* Fiber.join(fiber)
      assert.match(out(), /\nThe server at http:\/\/host:8000 answered 403 .*restricted\.\nMODEL/)
      assert.match(out(), /\nsimple +1 +- /)
    }))

  it.effect("fails when nobody answers at first, or what answers has no metrics", () =>
    Effect.gen(function*() {
      const { run, server } = yield* make({ isTTY: false })
      const messageOf = (changes: Partial<Top.Command> = {}) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.flip(run(changes)), { startImmediately: true })
          yield* answers
          return (yield* Fiber.join(fiber)).message
        })
      server.metrics = "hello"
      assert.match(
        yield* messageOf(),
        /^galatea top: http:\/\/host:8002\/metrics has no metrics of models\. .*--metrics-url.*\n$/
      )
      server.gone = true
      assert.match(yield* messageOf(), /^galatea top: No answer from http:\/\/host:8000 \(ECONNREFUSED\)\..*\n$/)
      assert.match(
        yield* messageOf({ interval: 0 }),
        /^galatea top: --interval takes seconds from 0\.1 to 3600, got 0\.\n$/
      )
      for (const metricsUrl of ["http://", "ftp://host", "8002", ":8002", ""]) {
        assert.strictEqual(
          yield* messageOf({ metricsUrl }),
          `galatea top: --metrics-url got '${metricsUrl}'; it takes host:port, such as localhost:8002, or a URL, such as `
            + "http://localhost:8002/metrics.\n"
        )
      }
    }))
})
