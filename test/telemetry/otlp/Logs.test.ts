import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { FlushTime } from "../../../src/layers/telemetry/internal/otlp/FlushTime.ts"
import * as Logs from "../../../src/layers/telemetry/internal/otlp/Logs.ts"
import { SignalBook } from "../../../src/layers/telemetry/internal/otlp/SignalBook.ts"

const plan: Logs.Options["plan"] = {
  otlp: undefined,
  console: true,
  queue: { maxQueueSize: 100, scheduleDelayMillis: 60_000, maxExportBatchSize: 100, exportTimeoutMillis: 1000 },
  limits: { attributeValueLengthLimit: 100, attributeCountLimit: 10 }
}

/** In bytes, after what nobody has any more is gone. */
const held = (): number => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

describe("log records that wait", () => {
  it.effect("keep of a long message what is exported of it", () =>
    Effect.gen(function*() {
      let text = ""
      const book = new SignalBook("logs")
      yield* Effect.scoped(Effect.gen(function*() {
        const logger = yield* Logs.make({
          plan,
          resource: {},
          book,
          flush: new FlushTime(1000),
          write: (line) => text += line
        })
        const before = held()
        for (let i = 0; i < 20; i++) {
          yield* Effect.suspend(() => Effect.logWarning(Buffer.alloc(16_000_000, 97 + i).toString("latin1"))).pipe(
            Effect.provide(Logger.layer([logger]))
          )
        }
        assert.strictEqual(book.queued, 20)
        // The engine may still know the last few; all of them are 320 MB.
        assert.isBelow(held() - before, 160_000_000)
      }))
      const { logRecords } = JSON.parse(text).resourceLogs[0].scopeLogs[0]
      assert.strictEqual(logRecords.length, 20)
      assert.strictEqual(logRecords[1].body.stringValue, `${"b".repeat(16_384)}…`)
    }))
})
