import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as RecentFlows from "../../src/layers/telemetry/RecentFlows.ts"
import type { BatchRun } from "../../src/schema/RequestTrace.ts"
import type { Arrival } from "../../src/services/Tracing.ts"
import { keptBytes, longLength } from "../suites/keptMemory.ts"

const mark = "00112233445566ff"
const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()))

const arrival = (atNanos: number, more: Partial<Arrival> = {}): Arrival => ({
  protocol: "http",
  model: "simple",
  version: "",
  atNanos,
  context: undefined,
  source: { facts: () => ({ name: "infer", attributes: [] }) },
  ...more
})

const own = { context: { traceId: `${mark}8448eb211c12666c`, spanId: "b7ad6b7169242424", sampled: true } }

const model = { model: "simple", version: 3, requestId: "42", sequenceId: undefined }

const run = (begunAtNanos: number): BatchRun => ({
  model: "simple",
  version: 3,
  instance: "simple_0",
  rows: 4,
  requests: 2,
  begunAtNanos,
  endedAtNanos: begunAtNanos + 900_000,
  computeInputNanos: 100_000,
  computeInferNanos: 700_000,
  computeOutputNanos: 100_000,
  observer: undefined
})

const made = (options: RecentFlows.Options = {}) => RecentFlows.make({ mark, ...options })

describe("recent flows", () => {
  it.effect("want to know nothing until somebody asks, and again when nobody has asked for a while", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made({ attentionMillis: 1000 })
      assert.isFalse(observer.active())
      assert.deepStrictEqual(yield* after(0), [])
      assert.isTrue(observer.active())
      observer.begin(arrival(yield* now))!.ended({})
      assert.strictEqual((yield* after(0)).length, 1)
      yield* TestClock.adjust(1001)
      assert.isUndefined(observer.begin(arrival(yield* now)))
      assert.isFalse(observer.active())
      assert.deepStrictEqual(yield* after(0), [], "what was kept is dropped")
    }))

  it.effect("say where the time of a request went, in microseconds since its arrival", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made()
      yield* after(0)
      const at = yield* now
      const trace = observer.begin(arrival(at, own))!
      trace.mark("HTTP_RECV_START", at)
      trace.mark("HTTP_RECV_END", at + 50_000)
      const inModel = trace.model(model)
      inModel.queued(at + 60_000)
      inModel.ran(run(at + 1_000_000))
      inModel.cached("miss", 10)
      yield* TestClock.adjust(2)
      inModel.ended()
      yield* TestClock.adjust(1)
      trace.ended({ status: 200 })
      assert.deepStrictEqual(yield* after(0), [{
        number: 1,
        atMillis: at / 1e6,
        protocol: "http",
        model: "simple",
        version: "",
        requestId: "42",
        traceId: own.context.traceId,
        traced: false,
        totalMicros: 3000,
        marks: [["HTTP_RECV_START", 0], ["HTTP_RECV_END", 50]],
        status: 200,
        failure: undefined,
        models: [{
          model: "simple",
          version: 3,
          beganMicros: 0,
          endedMicros: 2000,
          queuedMicros: 60,
          run: {
            instance: "simple_0",
            rows: 4,
            requests: 2,
            beganMicros: 1000,
            endedMicros: 1900,
            inputMicros: 100,
            inferMicros: 700,
            outputMicros: 100
          },
          cache: "miss",
          sequence: undefined,
          failure: undefined,
          steps: []
        }],
        cut: false
      }])
      assert.deepStrictEqual(yield* after(1), [])
    }))

  it.effect("keep the steps of an ensemble below it, and no more than so many", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made()
      yield* after(0)
      const trace = observer.begin(arrival(yield* now))!
      const ensemble = trace.model({ ...model, sequenceId: 7n })
      for (let i = 0; i < 100; i++) {
        const step = ensemble.model({ ...model, model: `step${i}` })
        step.queued(0)
        step.ended()
      }
      trace.ended({})
      const [flow] = yield* after(0)
      assert.strictEqual(flow!.models[0]!.sequence, "7")
      assert.strictEqual(flow!.models[0]!.steps.length, 63)
      assert.strictEqual(flow!.models[0]!.steps[0]!.model, "step0")
      assert.isTrue(flow!.cut)
    }))

  it.effect("note a few of many requests, all that the console itself sends, and so many at a time", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made({ gapMillis: 20, maxOpen: 3, maxOwnOpen: 1 })
      yield* after(0)
      const first = observer.begin(arrival(yield* now))!
      assert.isUndefined(observer.begin(arrival(yield* now)))
      assert.isUndefined(observer.begin(arrival(yield* now, { context: { ...own.context, traceId: "f".repeat(32) } })))
      assert.isDefined(observer.begin(arrival(yield* now, own)))
      yield* TestClock.adjust(20)
      assert.isDefined(observer.begin(arrival(yield* now)))
      yield* TestClock.adjust(20)
      assert.isUndefined(observer.begin(arrival(yield* now)), "three are open")
      assert.isDefined(observer.begin(arrival(yield* now, own)), "which does not keep the console from its own")
      assert.isUndefined(observer.begin(arrival(yield* now, own)), "of which there are only so many either")
      first.ended({})
      first.ended({})
      assert.isDefined(observer.begin(arrival(yield* now, own)))
      assert.isUndefined(observer.begin(arrival(yield* now, own)), "one that ends twice leaves one place")
    }))

  it.effect("are of a trace where a span is exported, here or by the client, and not for the console's own mark", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made({ gapMillis: 0 })
      yield* after(0)
      const client = { traceId: "c".repeat(32), spanId: "1".repeat(16), sampled: true }
      const span = { ...client, traceId: "d".repeat(32) }
      const at = yield* now
      for (
        const [context, made] of [
          [undefined, undefined],
          [own.context, undefined],
          [own.context, own.context],
          [client, undefined],
          [{ ...client, sampled: false }, undefined],
          [undefined, span],
          [client, { ...span, sampled: false }]
        ] as const
      ) observer.begin(arrival(at, { context }), made)!.ended({})
      assert.deepStrictEqual((yield* after(0)).map(({ traceId, traced }) => [traceId, traced]), [
        [undefined, false],
        [own.context.traceId, false],
        [own.context.traceId, true],
        [client.traceId, true],
        [client.traceId, false],
        [span.traceId, true],
        [span.traceId, false]
      ])
    }))

  it.effect("keep the last ones, and what clients and models say within bounds", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made({ capacity: 2 })
      yield* after(0)
      for (let i = 0; i < 3; i++) {
        const trace = observer.begin(
          arrival(yield* now, { ...own, model: "m".repeat(10_000), version: "v".repeat(10_000) })
        )!
        for (let i = 0; i < 100; i++) trace.mark("HTTP_RECV_START")
        const failure = { code: undefined, type: "ExecutionFailed", message: "x".repeat(10_000) }
        trace.model({ ...model, requestId: "r".repeat(10_000), sequenceId: "s".repeat(10_000) }).ended(failure)
        trace.ended({ failure })
      }
      const flows = yield* after(0)
      assert.deepStrictEqual(flows.map(({ number }) => number), [2, 3])
      assert.isBelow(JSON.stringify(flows[0]).length, 3000)
    }))

  it.effect("keep nothing of the long texts that they were cut from", () =>
    Effect.gen(function*() {
      const { after, observer } = yield* made()
      yield* after(0)
      const at = yield* now
      const bytes = keptBytes((text, i) => {
        const trace = observer.begin(arrival(at, { ...own, model: `${text} ${i}`, version: `${text} version ${i}` }))!
        const failure = { code: undefined, type: "ExecutionFailed", message: `${text} message ${i}` }
        trace.model({ ...model, requestId: `${text} id ${i}`, sequenceId: `${text} sequence ${i}` }).ended(failure)
        trace.ended({ failure })
      })
      assert.strictEqual((yield* after(0)).length, 20)
      assert.isBelow(bytes, longLength)
    }))
})
