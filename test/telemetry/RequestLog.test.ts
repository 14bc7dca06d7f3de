import { assert, describe, it } from "@effect/vitest"
import { Effect, References, Tracer } from "effect"
import * as Context from "effect/Context"
import { TestClock } from "effect/testing"
import * as Observers from "../../src/layers/telemetry/internal/Observers.ts"
import * as RequestLog from "../../src/layers/telemetry/RequestLog.ts"
import type { LogSetting } from "../../src/schema/LogSetting.ts"
import type { BatchRun, RequestTrace, TraceContext } from "../../src/schema/RequestTrace.ts"
import { LogSettings } from "../../src/services/LogSettings.ts"
import type { Arrival } from "../../src/services/Tracing.ts"
import * as ProgramLogger from "../ProgramLogger.ts"

interface Line {
  readonly level: string
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
  readonly trace: readonly [traceId: string, spanId: string] | undefined
}

const arrival: Arrival = {
  protocol: "http",
  model: "simple",
  version: "",
  atNanos: 1_000_000,
  context: undefined,
  source: { facts: () => assert.fail("asked") }
}

const model = { model: "simple", version: 3, requestId: "r1", sequenceId: undefined }

const run = (more: Partial<BatchRun> = {}): BatchRun => ({
  model: "simple",
  version: 3,
  instance: "simple_0",
  rows: 4,
  requests: 2,
  begunAtNanos: 2_500_400,
  endedAtNanos: 2_900_000,
  computeInputNanos: 10_000,
  computeInferNanos: 200_000,
  computeOutputNanos: 30_600,
  observer: undefined,
  ...more
})

const client: TraceContext = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: false }

/** An observer of requests, the settings of the log that it asks, and the lines that it has written. */
const started = Effect.fnUntraced(function*(options: RequestLog.Options) {
  const lines: Array<Line> = []
  const setting: { -readonly [Key in keyof LogSetting]: LogSetting[Key] } = {
    file: "",
    info: true,
    warning: true,
    error: true,
    verboseLevel: 0,
    format: "default"
  }
  const logger = ProgramLogger.make(({ fiber, logLevel, message }) => {
    const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
    lines.push({
      level: logLevel,
      message: (message as ReadonlyArray<unknown>)[0],
      annotations: fiber.getRef(References.CurrentLogAnnotations),
      trace: span === undefined ? undefined : [span.traceId, span.spanId]
    })
  })
  const log = yield* LogSettings
  const observer = yield* RequestLog.make(options).pipe(
    Effect.provideService(LogSettings, { ...log, current: () => setting }),
    Effect.provideService(References.CurrentLoggers, new Set([logger]))
  )
  yield* TestClock.adjust("5 millis")
  return { observer, lines, setting }
})

describe("RequestLog", () => {
  it.effect("has a line for a request: what it was, and where its time went", () =>
    Effect.gen(function*() {
      const { lines, observer } = yield* started({ requests: "all" })
      const trace = observer.begin({ ...arrival, context: client })!
      const noted = trace.model({ ...model, sequenceId: 7n })
      noted.queued(1_500_400)
      noted.cached("miss", 5)
      noted.ran(run())
      noted.ended()
      trace.mark("HTTP_SEND_END")
      trace.ended({ status: 200 })
      trace.ended({ status: 500 })
      assert.deepStrictEqual(lines, [{
        level: "Info",
        message: "request answered",
        annotations: {
          protocol: "http",
          model: "simple",
          version: "3",
          id: "r1",
          sequence: "7",
          status: 200,
          batch_rows: 4,
          batch_requests: 2,
          cache: "miss",
          queue_us: 1000,
          compute_us: 241,
          total_us: 4000
        },
        trace: [client.traceId, client.spanId]
      }])
    }))

  it.effect("tells why a request failed, also before a model had it", () =>
    Effect.gen(function*() {
      const { lines, observer } = yield* started({ requests: "failed" })
      observer.begin(arrival)!.ended({ status: 200 })
      observer.begin({ ...arrival, version: "9" })!.ended({
        status: 404,
        failure: { code: "NOT_FOUND", type: "ModelNotFound", message: "no version 9" }
      })
      const noted = observer.begin({ ...arrival, protocol: "grpc" })!
      noted.model(model).ran(run({ failure: { code: "INTERNAL", type: "ExecutionFailed", message: "x" } }))
      noted.ended({ status: 13, failure: { code: undefined, type: "Defect", message: "a bug" } })
      assert.deepStrictEqual(lines, [
        {
          level: "Warn",
          message: "request failed: no version 9",
          annotations: {
            protocol: "http",
            model: "simple",
            version: "9",
            status: 404,
            error: "ModelNotFound",
            total_us: 4000
          },
          trace: undefined
        },
        {
          level: "Error",
          message: "request failed: a bug",
          annotations: {
            protocol: "grpc",
            model: "simple",
            version: "3",
            id: "r1",
            status: 13,
            error: "Defect",
            batch_rows: 4,
            batch_requests: 2,
            queue_us: 0,
            compute_us: 400,
            total_us: 4000
          },
          trace: undefined
        }
      ])
    }))

  it.effect("adds up the steps of an ensemble, and keeps the last attempt", () =>
    Effect.gen(function*() {
      const { lines, observer } = yield* started({ requests: "all" })
      const trace = observer.begin(arrival)!
      trace.model({ ...model, version: 1 }).ran(run())
      const ensemble = trace.model({ ...model, version: 2 })
      for (const begunAtNanos of [2_000_000, 3_000_000]) {
        const step = ensemble.model({ ...model, model: "step" })
        step.queued(1_900_000)
        step.ran(run({ begunAtNanos }))
        step.ended()
      }
      trace.ended({})
      assert.deepStrictEqual(lines[0]!.annotations, {
        protocol: "http",
        model: "simple",
        version: "2",
        id: "r1",
        steps: 2,
        queue_us: 1200,
        compute_us: 481,
        total_us: 4000
      })
    }))

  it.effect("cuts what clients send, whatever its length", () =>
    Effect.gen(function*() {
      const { lines, observer } = yield* started({ requests: "all", maxNameLength: 8, maxMessageLength: 10 })
      const long = "x".repeat(10_000)
      const trace = observer.begin({ ...arrival, model: long })!
      trace.model({ ...model, requestId: long, sequenceId: long })
      trace.ended({ failure: { code: "INVALID_ARG", type: "InvalidRequest", message: long } })
      const { annotations, message } = lines[0]!
      assert.strictEqual(message, "request failed: xxxxxxxxx…")
      for (const name of ["model", "id", "sequence"]) assert.strictEqual(annotations[name], "xxxxxxx…", name)
    }))

  it.effect("wants nothing while none of its lines would be written", () =>
    Effect.gen(function*() {
      const all = yield* started({ requests: "all" })
      const failed = yield* started({ requests: "failed" })
      const active = () => [all, failed].map(({ observer }) => observer.active())
      assert.deepStrictEqual(active(), [true, true])
      for (const { setting } of [all, failed]) Object.assign(setting, { warning: false, error: false })
      assert.deepStrictEqual(active(), [true, false])
      all.setting.info = false
      assert.deepStrictEqual(active(), [false, false])
    }))

  it.effect("names the span that another observer makes", () =>
    Effect.gen(function*() {
      const { lines, observer } = yield* started({ requests: "all" })
      const span: TraceContext = { traceId: "c".repeat(32), spanId: "d".repeat(16), sampled: true }
      const spans: RequestTrace = {
        context: span,
        model: () => assert.fail("asked"),
        mark: () => {},
        ended: () => {}
      }
      const both = Observers.together([{ active: () => true, begin: () => spans }, observer])
      both.begin({ ...arrival, context: client })!.ended({})
      assert.deepStrictEqual(lines[0]!.trace, [span.traceId, span.spanId])
    }))
})
