import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import protobuf from "protobufjs"
import * as MetricsJson from "../../../src/layers/telemetry/internal/otlp/MetricsJson.ts"
import * as MetricsProtobuf from "../../../src/layers/telemetry/internal/otlp/MetricsProtobuf.ts"
import {
  items,
  type MetricsRequest,
  split,
  unitOf
} from "../../../src/layers/telemetry/internal/otlp/MetricsRequest.ts"
import { SeriesLabels } from "../../../src/layers/telemetry/internal/SeriesLabels.ts"

const definitions = protobuf.Root.fromJSON(
  JSON.parse(readFileSync(new URL("../../fixtures/otlp/definitions.json", import.meta.url), "utf8"))
)
const message = definitions.lookupType("opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest")

/** The message as its authors define it; JSON of OTLP has ids in hexadecimal, that of protobuf in base 64. */
const ofProtobuf = (bytes: Uint8Array): unknown =>
  message.toObject(message.decode(bytes), { longs: String, bytes: String, enums: String, json: true })

const ofJson = (bytes: Uint8Array): unknown =>
  message.toObject(
    message.fromObject(
      JSON.parse(new TextDecoder().decode(bytes), (key, value) =>
        key === "traceId" || key === "spanId" ? Buffer.from(value, "hex").toString("base64") : value)
    ),
    { longs: String, bytes: String, enums: String, json: true }
  )

const labels = new SeriesLabels({ model: "mö\"del", version: "1" })
const none = new SeriesLabels({})
const at = 1_795_711_582_119
const trace = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }

const request: MetricsRequest = {
  resource: { "service.name": "galatea", "process.pid": 123_456, share: 1.5 },
  version: "1.2.3",
  atMillis: at,
  counters: "delta",
  histograms: "cumulative",
  families: [
    {
      name: "nv_inference_count",
      type: "counter",
      help: "Rows",
      series: [{ labels, sinceMillis: at - 60_000, value: 5 }, { labels: none, sinceMillis: at - 0.25, value: 0.5 }]
    },
    { name: "g_bytes", type: "gauge", help: "Memory", series: [{ labels, sinceMillis: at, value: -3 }] },
    {
      name: "h_seconds",
      type: "histogram",
      help: "Times",
      series: Array.from({ length: 200 }, (_, i) => ({
        labels: new SeriesLabels({ model: `m${i}` }),
        sinceMillis: at - 5000,
        value: {
          bounds: [0.1, 1, 60],
          counts: [i, 2, 0, 1],
          count: i + 3,
          sum: 1.5 * i,
          exemplars: [undefined, { ...trace, value: 0.5, atMillis: at - 3 }, undefined, undefined]
        }
      }))
    },
    {
      name: "s_seconds",
      type: "summary",
      help: "Delays",
      series: [{
        labels: none,
        sinceMillis: at - 5000,
        value: { count: 3, sum: 4, quantiles: [[0.5, Number.NaN], [0.99, 0.25]] }
      }]
    }
  ]
}

interface Decoded {
  readonly resourceMetrics: ReadonlyArray<{
    readonly resource: unknown
    readonly scopeMetrics: ReadonlyArray<{ readonly scope: unknown; readonly metrics: ReadonlyArray<never> }>
  }>
}

describe("metrics of OTLP", () => {
  it("are the messages that OpenTelemetry defines", () => {
    const decoded = ofProtobuf(MetricsProtobuf.encode(request)) as Decoded
    const [{ resource, scopeMetrics }] = decoded.resourceMetrics as [Decoded["resourceMetrics"][number]]
    assert.deepStrictEqual(resource, {
      attributes: [
        { key: "service.name", value: { stringValue: "galatea" } },
        { key: "process.pid", value: { intValue: "123456" } },
        { key: "share", value: { doubleValue: 1.5 } }
      ]
    })
    assert.deepStrictEqual(scopeMetrics[0]!.scope, { name: "galatea", version: "1.2.3" })
    const [counter, gauge, histogram, summary] = scopeMetrics[0]!.metrics as ReadonlyArray<Record<string, never>>
    const attributes = [
      { key: "model", value: { stringValue: "mö\"del" } },
      { key: "version", value: { stringValue: "1" } }
    ]
    assert.deepStrictEqual(counter as unknown, {
      name: "nv_inference_count",
      description: "Rows",
      sum: {
        dataPoints: [
          {
            attributes,
            startTimeUnixNano: "1795711522119000000",
            timeUnixNano: "1795711582119000000",
            asDouble: 5
          },
          { startTimeUnixNano: "1795711582118750000", timeUnixNano: "1795711582119000000", asDouble: 0.5 }
        ],
        aggregationTemporality: "AGGREGATION_TEMPORALITY_DELTA",
        isMonotonic: true
      }
    })
    assert.deepStrictEqual(gauge as unknown, {
      name: "g_bytes",
      description: "Memory",
      unit: "By",
      gauge: {
        dataPoints: [{
          attributes,
          startTimeUnixNano: "1795711582119000000",
          timeUnixNano: "1795711582119000000",
          asDouble: -3
        }]
      }
    })
    const { aggregationTemporality, dataPoints } = histogram!["histogram"]!
    assert.strictEqual(aggregationTemporality, "AGGREGATION_TEMPORALITY_CUMULATIVE")
    assert.strictEqual((dataPoints as ReadonlyArray<unknown>).length, 200)
    assert.deepStrictEqual(dataPoints[7] as unknown, {
      attributes: [{ key: "model", value: { stringValue: "m7" } }],
      startTimeUnixNano: "1795711577119000000",
      timeUnixNano: "1795711582119000000",
      count: "10",
      sum: 10.5,
      bucketCounts: ["7", "2", "0", "1"],
      explicitBounds: [0.1, 1, 60],
      exemplars: [{
        timeUnixNano: "1795711582116000000",
        asDouble: 0.5,
        spanId: Buffer.from(trace.spanId, "hex").toString("base64"),
        traceId: Buffer.from(trace.traceId, "hex").toString("base64")
      }]
    })
    assert.deepStrictEqual(summary as unknown, {
      name: "s_seconds",
      description: "Delays",
      unit: "s",
      summary: {
        dataPoints: [{
          startTimeUnixNano: "1795711577119000000",
          timeUnixNano: "1795711582119000000",
          count: "3",
          sum: 4,
          quantileValues: [{ quantile: 0.99, value: 0.25 }]
        }]
      }
    })
  })

  it("say the same as JSON", () => {
    assert.deepStrictEqual(ofJson(MetricsJson.encode(request)), ofProtobuf(MetricsProtobuf.encode(request)))
  })

  it("are counted by series, and split between them", () => {
    assert.strictEqual(items(request), 204)
    const parts = split(request.families, 100)
    assert.deepStrictEqual(
      parts.map((families) => families.map(({ name, series }) => `${name} ${series.length}`)),
      [["nv_inference_count 2", "g_bytes 1", "h_seconds 97"], ["h_seconds 100"], ["h_seconds 3", "s_seconds 1"]]
    )
    assert.deepStrictEqual(split([], 100), [])
  })

  it("have a unit only where a receiver would make the same name of it", () => {
    assert.deepStrictEqual(
      ["a_seconds", "a_seconds_total", "a_bytes", "a_us", "a_secs", "a_total"].map(unitOf),
      ["s", "s", "By", "", "", ""]
    )
  })
})
