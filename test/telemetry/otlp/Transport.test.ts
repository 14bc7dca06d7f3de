import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { type Sender, SendFailed } from "../../../src/layers/telemetry/internal/otlp/Sender.ts"
import type { Writing } from "../../../src/layers/telemetry/internal/otlp/Serializer.ts"
import { SignalBook } from "../../../src/layers/telemetry/internal/otlp/SignalBook.ts"
import type { SignalSettings } from "../../../src/layers/telemetry/internal/otlp/SignalSettings.ts"
import * as Transport from "../../../src/layers/telemetry/internal/otlp/Transport.ts"
import * as ProgramLogger from "../../ProgramLogger.ts"

const settings: SignalSettings = {
  protocol: "http/json",
  url: new URL("http://me:secret@collector:4318/v1/traces"),
  headers: [["x-key", "secret"]],
  timeoutMillis: 10_000,
  compression: "none",
  certificates: {}
}

const taken = new Uint8Array(0)

const failed = (message: string, more: { readonly retryable?: boolean; readonly retryAfterMillis?: number } = {}) =>
  Effect.fail(new SendFailed({ message, retryable: true, ...more }))

/** A transport whose tries end like this, the last one again and again; with the times of the tries and the lines of the log. */
const setup = (tries: ReadonlyArray<Effect.Effect<Uint8Array, SendFailed>>) => {
  const at: Array<number> = []
  const lines: Array<string> = []
  const sender: Sender = {
    send: () =>
      Effect.clockWith((clock) => {
        at.push(clock.currentTimeMillisUnsafe())
        return tries[Math.min(at.length, tries.length) - 1]!
      })
  }
  const sent: Array<Uint8Array> = []
  const body = Uint8Array.of(1)
  const writing: Writing<number> = {
    items: (request) => request,
    write: () => body,
    sent: (body) => sent.push(body)
  }
  const book = new SignalBook("traces")
  const log = Logger.layer([ProgramLogger.make(({ logLevel, message }) => {
    lines.push(`${logLevel} ${String(message)}`)
  })])
  return { at, body, lines, book, log, sent, transport: Transport.over(sender, settings, writing, book) }
}

const run = (effect: Effect.Effect<void>, log: Layer.Layer<never>, ...times: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (const time of times) yield* TestClock.adjust(time)
    yield* Fiber.join(fiber)
  }).pipe(Effect.provide(log), Effect.provideService(References.MinimumLogLevel, "All"))

describe("a request to the collector", () => {
  it.effect("is counted, and not told, where all goes well", () => {
    const { at, book, lines, log, transport } = setup([Effect.succeed(taken)])
    return Effect.gen(function*() {
      yield* run(transport.send(3), log)
      assert.deepStrictEqual(book.counts, {
        signal: "traces",
        exported: 3,
        rejected: 0,
        failed: 0,
        dropped: 0,
        queued: 0
      })
      assert.deepStrictEqual([at, lines], [[0], []])
    })
  })

  for (const retryAfterMillis of [undefined, 0, -1]) {
    it.effect(`is tried again after longer and longer pauses, until its time is over, asked to wait ${retryAfterMillis}`, () => {
      const { at, book, lines, log, transport } = setup([
        failed("refused", retryAfterMillis === undefined ? {} : { retryAfterMillis })
      ])
      return Effect.gen(function*() {
        yield* run(transport.send(3), log, 30_000)
        const pauses = at.slice(1).map((time, i) => time - at[i]!)
        assert.isAtLeast(pauses.length, 3)
        for (const [i, pause] of pauses.entries()) {
          const middle = Math.min(1000 * 1.5 ** i, 5000)
          assert.isTrue(pause >= 0.8 * middle - 1 && pause <= 1.2 * middle + 1, `${pause} after ${i}`)
        }
        assert.isBelow(at.at(-1)!, 10_000)
        assert.strictEqual(book.failed, 3)
        assert.deepStrictEqual(lines, [
          "Warn traces cannot be exported to http://collector:4318/v1/traces: refused; 3 spans were lost"
        ])
      })
    })
  }

  it.effect("gives its memory back once it was sent, however many tries that took, and not otherwise", () => {
    const { body, log, sent, transport } = setup([failed("refused"), Effect.succeed(taken)])
    const other = setup([failed("refused", { retryable: false })])
    return Effect.gen(function*() {
      yield* run(transport.send(1), log, 500, 1000)
      assert.deepStrictEqual(sent, [body])
      assert.strictEqual(sent[0], body)
      yield* run(other.transport.send(1), other.log)
      assert.deepStrictEqual(other.sent, [])
    })
  })

  it.effect("waits for as long as the collector asks", () => {
    const { at, book, log, transport } = setup([failed("busy", { retryAfterMillis: 7000 }), Effect.succeed(taken)])
    return Effect.gen(function*() {
      yield* run(transport.send(1), log, 6999, 1)
      assert.deepStrictEqual(at, [0, 7000])
      assert.strictEqual(book.exported, 1)
    })
  })

  it.effect("is given up at once where the collector asks for more time than there is, or will not take it", () =>
    Effect.gen(function*() {
      for (const more of [{ retryAfterMillis: 10_000 }, { retryable: false }]) {
        const { at, book, log, transport } = setup([failed("no", more)])
        yield* run(transport.send(2), log)
        assert.strictEqual(at.length, 1)
        assert.strictEqual(book.failed, 2)
      }
    }))

  it.effect("is given up when an answer does not come", () => {
    const { at, book, lines, log, transport } = setup([Effect.never])
    return Effect.gen(function*() {
      yield* run(transport.send(2), log, 9999, 1)
      assert.deepStrictEqual(at, [0])
      assert.strictEqual(book.failed, 2)
      assert.match(lines.join(), /no answer within 10000 ms; 2 spans were lost/)
    })
  })

  it.effect("is not tried again once the server ends", () => {
    const { at, book, log, transport } = setup([failed("refused")])
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.provide(transport.send(2), log), { startImmediately: true })
      book.leaving.openUnsafe()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(at, [0])
      yield* run(transport.send(2), log)
      assert.strictEqual(at.length, 2)
      assert.strictEqual(book.failed, 4)
    })
  })

  it.effect("counts as failed when it is interrupted", () => {
    const { book, log, transport } = setup([Effect.never])
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.provide(transport.send(2), log), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(book.failed, 2)
    })
  })

  it.effect("tells what the collector has not taken", () => {
    const answer = new TextEncoder().encode(
      JSON.stringify({ partialSuccess: { rejectedSpans: 2, errorMessage: "too old, secret" } })
    )
    const { book, lines, log, transport } = setup([Effect.succeed(answer)])
    return Effect.gen(function*() {
      yield* run(transport.send(3), log)
      assert.deepStrictEqual([book.exported, book.rejected], [1, 2])
      assert.deepStrictEqual(lines, [
        "Warn The collector at http://collector:4318/v1/traces has not taken all spans: too old, ***; 2 spans were lost"
      ])
    })
  })
})

describe("what the collector has not taken", () => {
  it.effect("is never more than was sent, and never less than nothing", () =>
    Effect.gen(function*() {
      for (
        const [rejected, counted] of [[-5, 0], ["-5", 0], [1.5, 1], [0.5, 0], [7, 3], ["x", 0], [true, 0]] as const
      ) {
        const answer = new TextEncoder().encode(
          JSON.stringify({ partialSuccess: { rejectedSpans: rejected, errorMessage: "some" } })
        )
        const { book, log, transport } = setup([Effect.succeed(answer)])
        yield* run(transport.send(3), log)
        assert.deepStrictEqual([book.exported, book.rejected], [3 - counted, counted], String(rejected))
      }
    }))
})

describe("the log", () => {
  it.effect("hears of failures once a minute, and when all is well again", () => {
    let isDown = true
    const { book, lines, log, transport } = setup([
      Effect.suspend(() => isDown ? failed("refused", { retryable: false }) : Effect.succeed(taken))
    ])
    const warning = "Warn traces cannot be exported to http://collector:4318/v1/traces: refused"
    return Effect.gen(function*() {
      for (let second = 0; second < 61; second++) yield* run(transport.send(1), log, 1000)
      assert.deepStrictEqual(lines, [`${warning}; 1 spans were lost`, `${warning}; 60 spans were lost`])
      isDown = false
      yield* run(transport.send(1), log)
      yield* run(transport.send(1), log)
      assert.deepStrictEqual(lines.slice(2), ["Info traces are exported to http://collector:4318/v1/traces again"])
      assert.deepStrictEqual([book.exported, book.failed], [2, 61])
    })
  })

  it.effect("hears of what was dropped", () => {
    const { book, lines, log, transport } = setup([Effect.succeed(taken)])
    return Effect.gen(function*() {
      book.drop()
      book.drop()
      yield* run(transport.send(1), log)
      assert.deepStrictEqual(lines, [
        "Warn spans were more than could be exported to http://collector:4318/v1/traces in time; 2 spans were lost"
      ])
    })
  })
})
