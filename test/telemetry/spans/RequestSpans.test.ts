import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Tracer } from "effect"
import { TestClock } from "effect/testing"
import * as Observers from "../../../src/layers/telemetry/internal/Observers.ts"
import * as RequestSpans from "../../../src/layers/telemetry/spans/RequestSpans.ts"
import type { BatchRun, RequestTrace, TraceContext } from "../../../src/schema/RequestTrace.ts"
import { HeadSampler } from "../../../src/services/HeadSampler.ts"
import type { Arrival, ArrivalFacts, Protocol } from "../../../src/services/Tracing.ts"
import { keptBytes, longLength } from "../../suites/keptMemory.ts"
import * as Recorded from "./Recorded.ts"

const facts: ArrivalFacts = { name: "POST /v2/models/{model}/infer", attributes: [["http.request.method", "POST"]] }

const arrival = (changes: Partial<Arrival> = {}): Arrival => ({
  protocol: "http",
  model: "m",
  version: "",
  atNanos: 1000,
  context: undefined,
  source: { facts: () => facts },
  ...changes
})

const remote: TraceContext = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  sampled: true
}

const run = (changes: Partial<BatchRun> = {}): BatchRun => ({
  model: "m",
  version: 1,
  instance: "m_0",
  rows: 3,
  requests: 2,
  begunAtNanos: 3000,
  endedAtNanos: 9000,
  computeInputNanos: 1000,
  computeInferNanos: 4000,
  computeOutputNanos: 1000,
  observer: undefined,
  ...changes
})

const asked = { model: "m", version: 1, requestId: "r", sequenceId: undefined }

const make = (recorded = Recorded.make(), options: Partial<RequestSpans.Options> = {}) =>
  Effect.map(RequestSpans.make({ tracer: recorded.tracer, ...options }), ({ begin }) => ({
    ...recorded,
    begin: (changes?: Partial<Arrival>): RequestTrace => {
      const trace = begin(arrival(changes))
      if (trace === undefined) throw new Error("not sampled")
      return trace
    },
    tryToBegin: begin
  }))

describe("a run that is lost", () => {
  it.effect("is an event of the request, which stays in the queue until it runs again", () =>
    Effect.gen(function*() {
      const { begin, spans } = yield* make()
      const trace = begin()
      const model = trace.model(asked)
      model.queued(2000)
      model.retried!({ code: "UNAVAILABLE", type: "InstanceLost", message: "instance 'm_0' was lost" }, 2500)
      model.ran(run())
      model.ended()
      trace.ended({ status: 200 })
      const [event] = spans[0]!.events
      assert.deepStrictEqual([event![0], event![2]], [
        "run.retried",
        { "galatea.failure.type": "InstanceLost", "galatea.failure.message": "instance 'm_0' was lost" }
      ])
    }))
})

describe("what spans keep in memory", () => {
  it.effect("is what they say, not the long texts that it was cut from", () =>
    Effect.gen(function*() {
      const { begin, spans } = yield* make()
      const bytes = keptBytes((text, i) => {
        const trace = begin({ model: `${text} ${i}` })
        const model = trace.model({ ...asked, requestId: `${text} id ${i}`, sequenceId: `${text} sequence ${i}` })
        model.ended()
        trace.ended({ status: 500, failure: { code: "INTERNAL", type: "Bad", message: `${text} message ${i}` } })
      })
      assert.strictEqual(spans.length, 20)
      assert.lengthOf(Recorded.attributesOf(spans[0]!)["galatea.request.id"] as string, 1024)
      assert.isBelow(bytes, longLength)
    }))
})

/** The clock stands at 17 minutes past midnight, in 1970, where the monotonic one says 5 µs. */
const at = (nanos: number) => TestClock.adjust(`${nanos} nanos`)

describe("spans of a request", () => {
  it.effect("have the times of its stamps, by the time of day", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000_000)
      const { begin, named, one } = yield* make()
      const now = yield* Effect.clockWith((clock) => clock.monotonicTimeNanos)
      const offset = (yield* Effect.clockWith((clock) => clock.currentTimeNanos)) - now
      const stamp = (nanos: number) => Number(now) + nanos
      const trace = begin({ atNanos: stamp(1000) })
      trace.mark("HTTP_RECV_END", stamp(1500))
      const model = trace.model(asked)
      model.queued(stamp(2000))
      const batch = run({ begunAtNanos: stamp(3000), endedAtNanos: stamp(9000) })
      model.ran(batch)
      batch.observer?.ended()
      model.ended()
      yield* at(20_000)
      trace.mark("HTTP_SEND_START")
      yield* at(10_000)
      trace.ended({ status: 200 })
      const wall = (nanos: number) => BigInt(stamp(nanos)) + offset
      assert.deepStrictEqual(Recorded.timesOf(one(facts.name)), [wall(1000), wall(30_000)])
      assert.deepStrictEqual(Recorded.timesOf(one("queue")), [wall(2000), wall(3000)])
      assert.deepStrictEqual(Recorded.timesOf(one("batch.execute")), [wall(3000), wall(9000)])
      assert.deepStrictEqual(one(facts.name).events.map(([name, time]) => [name, time]), [
        ["HTTP_RECV_END", wall(1500)],
        ["HTTP_SEND_START", wall(20_000)]
      ])
      assert.deepStrictEqual(Recorded.attributesOf(one(facts.name)), {
        "http.request.method": "POST",
        "galatea.model.name": "m",
        "galatea.model.version": 1,
        "galatea.request.id": "r",
        "galatea.batch.rows": 3,
        "http.response.status_code": 200
      })
      assert.strictEqual(one(facts.name).kind, "server")
      assert.strictEqual(named("batch.execute")[0]!.traceId === trace.context!.traceId, false)
    }))

  it.effect("follow the time of day when that is set, once a minute, and one request has one time", () =>
    Effect.gen(function*() {
      const { begin, named } = yield* make()
      const before = begin({ atNanos: 0 })
      // The time of day goes on by an hour and 61 s, the monotonic clock by 61 s.
      yield* TestClock.adjust("61 seconds")
      yield* TestClock.setTime(3_661_000)
      const monotonic = Number(yield* Effect.clockWith((clock) => clock.monotonicTimeNanos))
      const wall = yield* Effect.clockWith((clock) => clock.currentTimeNanos)
      before.ended({})
      begin({ atNanos: monotonic }).ended({})
      const [first, second] = named(facts.name).map(Recorded.timesOf)
      assert.deepStrictEqual(first![0], 0n)
      assert.deepStrictEqual(second, [wall, wall])
    }))

  it.effect("are children of the client's span, which may say that it is not sampled", () =>
    Effect.gen(function*() {
      const { begin, one, tryToBegin } = yield* make()
      const trace = begin({ context: { ...remote, traceState: "vendor=1" } })
      assert.strictEqual(one(facts.name).traceId, remote.traceId)
      assert.strictEqual(Recorded.parentOf(one(facts.name)), remote.spanId)
      assert.deepStrictEqual(trace.context, {
        traceId: remote.traceId,
        spanId: one(facts.name).spanId,
        sampled: true,
        traceState: "vendor=1"
      })
      assert.isUndefined(tryToBegin(arrival({ context: { ...remote, sampled: false } })))
    }))

  it.effect("begin a trace where no client says otherwise, whatever the program is doing", () =>
    Effect.gen(function*() {
      const roots: Array<boolean> = []
      const recorded = Recorded.make()
      const tracer = Tracer.make({
        span: (options) => {
          roots.push(options.root && Option.isNone(options.parent))
          return recorded.tracer.span(options)
        }
      })
      const { begin } = yield* RequestSpans.make({ tracer })
      begin(arrival())!.ended({})
      begin(arrival({ context: remote }))!.ended({})
      assert.deepStrictEqual(roots, [true, false])
    }))

  it.effect("are not made where the sampler says no: nothing is asked of the request then", () =>
    Effect.gen(function*() {
      const asked: Array<TraceContext | undefined> = []
      const { spans, tryToBegin } = yield* make().pipe(
        Effect.provideService(HeadSampler, (parent) => {
          asked.push(parent)
          return parent !== undefined
        })
      )
      const source = {
        facts: () => {
          throw new Error("asked")
        }
      }
      assert.isUndefined(tryToBegin(arrival({ source })))
      assert.deepStrictEqual(spans, [])
      assert.isDefined(tryToBegin(arrival({ context: remote })))
      assert.deepStrictEqual(asked, [undefined, remote])
    }))

  it.effect("fail by the rules of their protocols", () =>
    Effect.gen(function*() {
      const { begin, named } = yield* make()
      const end = (protocol: Protocol, status: number | undefined, code: "INVALID_ARG" | "UNAVAILABLE" | undefined) =>
        begin({ protocol }).ended({ status, failure: { code, type: "T", message: "why" } })
      end("http", 400, "INVALID_ARG")
      end("http", 503, "UNAVAILABLE")
      end("grpc", 3, "INVALID_ARG")
      end("grpc", 14, "UNAVAILABLE")
      end("rpc", undefined, "INVALID_ARG")
      end("local", undefined, undefined)
      const failed = { name: "T", message: "why" }
      const spans = named(facts.name)
      assert.deepStrictEqual(spans.map(Recorded.endingOf), ["ok", failed, "ok", failed, "ok", failed])
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes.get("error.type")),
        [undefined, "T", undefined, "T", undefined, "T"]
      )
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes.get("http.response.status_code") ?? attributes.get("rpc.status_code")),
        [400, 503, "INVALID_ARGUMENT", "UNAVAILABLE", undefined, undefined]
      )
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes.get("galatea.failure.message")),
        spans.map(() => "why")
      )
    }))

  it.effect("hold no more of a text than they may", () =>
    Effect.gen(function*() {
      const { begin, one } = yield* make(undefined, { maxAttributeLength: 8 })
      const long = "x".repeat(1_000_000)
      const trace = begin({
        model: long,
        source: { facts: () => ({ name: "n", path: long, attributes: [["user_agent.original", `123456😀${long}`]] }) }
      })
      const model = trace.model({ ...asked, requestId: long, sequenceId: long })
      model.ended({ code: "INTERNAL", type: "T", message: long })
      trace.ended({ status: 500, failure: { code: "INTERNAL", type: "T", message: long } })
      for (const [name, value] of one("n").attributes) {
        if (typeof value === "string") assert.isAtMost(value.length, 8, name)
      }
      assert.strictEqual(one("n").attributes.get("url.path"), "xxxxxxx…")
      // Half a character is none.
      assert.strictEqual(one("n").attributes.get("user_agent.original"), "123456�…")
      assert.deepStrictEqual(Recorded.endingOf(one("n")), { name: "T", message: "xxxxxxx…" })
    }))

  it.effect("end with the run that failed, which every request in it points to", () =>
    Effect.gen(function*() {
      const { begin, named, one } = yield* make()
      const traces = [begin(), begin()]
      const models = traces.map((trace) => trace.model(asked))
      const failure = { code: "INTERNAL", type: "ExecutionFailed", message: "broke" } as const
      const batch = run({ failure, computeInferNanos: 0 })
      for (const model of models) {
        model.queued(2000)
        model.ran(batch)
      }
      batch.observer?.ended()
      for (const model of models) model.ended(failure)
      for (const trace of traces) trace.ended({ status: 500, failure })
      const ending = { name: "ExecutionFailed", message: "broke" }
      assert.deepStrictEqual(Recorded.endingOf(one("batch.execute")), ending)
      assert.deepStrictEqual(named(facts.name).map(Recorded.endingOf), [ending, ending])
      assert.deepStrictEqual(named("queue").map(Recorded.endingOf), ["ok", "ok"])
      assert.deepStrictEqual(named(facts.name).map(Recorded.linksOf), [
        [one("batch.execute").spanId],
        [one("batch.execute").spanId]
      ])
      assert.notProperty(Recorded.attributesOf(one("batch.execute")), "galatea.compute.infer_nanos")
    }))

  it.effect("point to no batch that a tracer leaves out", () =>
    Effect.gen(function*() {
      const { begin, named, one } = yield* make(Recorded.make((name) => name !== "batch.execute"))
      const model = begin().model(asked)
      model.queued(2000)
      const batch = run()
      model.ran(batch)
      batch.observer?.ended()
      assert.deepStrictEqual(named("batch.execute"), [])
      assert.deepStrictEqual(Recorded.linksOf(one(facts.name)), [])
      assert.deepStrictEqual(Recorded.linksOf(one("queue")), [])
    }))

  it.effect("of two recorders of one run are linked to a batch of their own each", () =>
    Effect.gen(function*() {
      const first = yield* make()
      const second = yield* make()
      const both = Observers.together([
        { active: () => true, begin: first.tryToBegin },
        { active: () => true, begin: second.tryToBegin }
      ])
      const model = both.begin(arrival())!.model(asked)
      const batch = run()
      model.ran(batch)
      batch.observer?.ended()
      for (const { one } of [first, second]) {
        assert.deepStrictEqual(Recorded.linksOf(one("batch.execute")), [one(facts.name).spanId])
        assert.strictEqual(Recorded.endingOf(one("batch.execute")), "ok")
      }
    }))
})
