import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { FlushTime } from "../../../src/layers/telemetry/internal/otlp/FlushTime.ts"
import * as MetricsPush from "../../../src/layers/telemetry/internal/otlp/MetricsPush.ts"
import type { MetricsRequest } from "../../../src/layers/telemetry/internal/otlp/MetricsRequest.ts"
import { SeriesLabels } from "../../../src/layers/telemetry/internal/SeriesLabels.ts"
import type { Distribution, MetricFamily } from "../../../src/schema/MetricFamily.ts"

const none = new SeriesLabels({})

interface Readings {
  counter: number
  gauge: number
  histogram: Distribution
  sinceMillis: number
}

const familiesOf = ({ counter, gauge, histogram, sinceMillis }: Readings): ReadonlyArray<MetricFamily> => [
  { name: "c_total", type: "counter", help: "c", series: [{ labels: none, sinceMillis, value: counter }] },
  { name: "g", type: "gauge", help: "g", series: [{ labels: none, sinceMillis, value: gauge }] },
  { name: "h", type: "histogram", help: "h", series: [{ labels: none, sinceMillis, value: histogram }] }
]

const exemplar = (atMillis: number) => ({ value: 1, atMillis, traceId: "a".repeat(32), spanId: "b".repeat(16) })

const make = Effect.fnUntraced(function*(options: Partial<MetricsPush.Options> = {}) {
  const sent: Array<MetricsRequest> = []
  const now: Readings = {
    counter: 5,
    gauge: 7,
    histogram: { bounds: [1], counts: [2, 1], count: 3, sum: 4 },
    sinceMillis: 100
  }
  const scope = yield* Scope.make()
  const exporter = MetricsPush.make({
    transport: { send: (request) => Effect.sync(() => void sent.push(request)) },
    resource: { "service.name": "galatea" },
    intervalMillis: 1000,
    timeoutMillis: 500,
    flush: new FlushTime(5000),
    temporality: "cumulative",
    exemplars: true,
    ...options
  })
  yield* Scope.provide(exporter.start(() => familiesOf(now)), scope)
  return { sent, now, close: Scope.close(scope, Exit.void) }
})

/** Each series of a message: since when, and its value. */
const values = ({ families }: MetricsRequest) =>
  families.flatMap(({ name, series }) =>
    series.map(({ sinceMillis, value }) => [
      name,
      sinceMillis,
      typeof value === "object" && "counts" in value ? [value.counts, value.count, value.sum] : value
    ])
  )

describe("MetricsPush", () => {
  it.effect("pushes everything at each interval, and once more at the end", () =>
    Effect.gen(function*() {
      const { close, now, sent } = yield* make()
      assert.strictEqual(sent.length, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sent.length, 1)
      assert.deepStrictEqual(values(sent[0]!), [["c_total", 100, 5], ["g", 100, 7], ["h", 100, [[2, 1], 3, 4]]])
      const { atMillis, counters, histograms, resource } = sent[0]!
      assert.deepStrictEqual([atMillis, counters, histograms], [1000, "cumulative", "cumulative"])
      assert.deepStrictEqual(resource, { "service.name": "galatea" })
      now.counter = 8
      yield* TestClock.adjust("300 millis")
      yield* close
      assert.deepStrictEqual([sent.length, sent[1]!.atMillis], [2, 1300])
      assert.deepStrictEqual(values(sent[1]!)[0], ["c_total", 100, 8])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(sent.length, 2)
    }))

  it.effect("pushes differences since the push before where those are preferred", () =>
    Effect.gen(function*() {
      const { now, sent } = yield* make({ temporality: "delta" })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([sent[0]!.counters, sent[0]!.histograms], ["delta", "delta"])
      assert.deepStrictEqual(values(sent[0]!), [["c_total", 100, 5], ["g", 100, 7], ["h", 100, [[2, 1], 3, 4]]])
      now.counter = 6
      now.histogram = { bounds: [1], counts: [2, 3], count: 5, sum: 10 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(values(sent[1]!), [["c_total", 1000, 1], ["g", 100, 7], ["h", 1000, [[0, 2], 2, 6]]])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(values(sent[2]!), [["g", 100, 7]], "nothing came")
      now.sinceMillis = 2500
      now.counter = 7
      now.histogram = { bounds: [1], counts: [0, 0], count: 0, sum: 0 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(values(sent[3]!), [["c_total", 2500, 7], ["g", 2500, 7]], "they began anew")
    }))

  it.effect("pushes differences of histograms alone where little memory is preferred", () =>
    Effect.gen(function*() {
      const { sent } = yield* make({ temporality: "lowmemory" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([sent[1]!.counters, sent[1]!.histograms], ["cumulative", "delta"])
      assert.deepStrictEqual(values(sent[1]!), [["c_total", 100, 5], ["g", 100, 7]])
    }))

  it.effect("sends each exemplar once, and none where they are not wanted", () =>
    Effect.gen(function*() {
      const exemplars = ({ families }: MetricsRequest) =>
        families.flatMap((family) =>
          family.type === "histogram" ? family.series.flatMap(({ value }) => value.exemplars) : []
        )
      const [all, few] = [yield* make(), yield* make({ exemplars: false })]
      for (const { now } of [all, few]) now.histogram = { ...now.histogram, exemplars: [exemplar(900), undefined] }
      yield* TestClock.adjust("1 second")
      for (const { now } of [all, few]) now.histogram = { ...now.histogram, exemplars: [exemplar(900), exemplar(1500)] }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(all.sent.map(exemplars), [[exemplar(900), undefined], [undefined, exemplar(1500)]])
      assert.deepStrictEqual(few.sent.map(exemplars), [[undefined, undefined], [undefined, undefined]])
    }))

  it.effect("sends no message of more series than it may have", () =>
    Effect.gen(function*() {
      const { sent } = yield* make({ maxSeries: 2 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sent.map((request) => values(request).map(([name]) => name)), [["c_total", "g"], ["h"]])
    }))

  it.effect("gives a push up that takes too long, and the last one sooner", () =>
    Effect.gen(function*() {
      let begun = 0
      const { close } = yield* make({
        timeoutMillis: 60_000,
        transport: { send: () => Effect.suspend(() => (begun++, Effect.never)) }
      })
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(begun, 1, "one at a time")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(begun, 2)
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* TestClock.adjust("2499 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(begun, 3)
    }))
})
