/** Writes metrics as OTLP's JSON: 64-bit numbers as decimal text, ids as hexadecimal text. */
import type { Distribution, Exemplar, MetricFamily, MetricSeries, Summary } from "../../../../schema/MetricFamily.ts"
import { type MetricsRequest, nanosOf, scopeName, temporalityNumber, unitOf } from "./MetricsRequest.ts"

const attribute = ([key, value]: readonly [name: string, value: string | number]) => ({
  key,
  value: typeof value === "string"
    ? { stringValue: value }
    : Number.isSafeInteger(value)
    ? { intValue: String(value) }
    : { doubleValue: value }
})

/** JSON has no numbers for what is not finite. */
const double = (value: number): number | string =>
  Number.isFinite(value) ? value : Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity"

const exemplar = ({ atMillis, spanId, traceId, value }: Exemplar) => ({
  timeUnixNano: String(nanosOf(atMillis)),
  asDouble: double(value),
  spanId,
  traceId
})

const point = ({ labels, sinceMillis }: MetricSeries<unknown>, at: string) => ({
  attributes: labels.pairs.map(attribute),
  startTimeUnixNano: String(nanosOf(sinceMillis)),
  timeUnixNano: at
})

const numberPoint = (at: string) => (series: MetricSeries<number>) => ({
  ...point(series, at),
  asDouble: double(series.value)
})

const histogramPoint = (at: string) => (series: MetricSeries<Distribution>) => {
  const { bounds, count, counts, exemplars = [], sum } = series.value
  return {
    ...point(series, at),
    count: String(count),
    sum: double(sum),
    bucketCounts: counts.map(String),
    explicitBounds: bounds,
    exemplars: exemplars.filter((one) => one !== undefined).map(exemplar)
  }
}

const summaryPoint = (at: string) => (series: MetricSeries<Summary>) => {
  const { count, quantiles, sum } = series.value
  return {
    ...point(series, at),
    count: String(count),
    sum: double(sum),
    quantileValues: quantiles.filter(([, value]) => !Number.isNaN(value))
      .map(([quantile, value]) => ({ quantile, value: double(value) }))
  }
}

const unit = (name: string) => {
  const known = unitOf(name)
  return known === "" ? {} : { unit: known }
}

const data = (request: MetricsRequest, family: MetricFamily) => {
  const at = String(nanosOf(request.atMillis))
  switch (family.type) {
    case "gauge":
      return { gauge: { dataPoints: family.series.map(numberPoint(at)) } }
    case "counter":
      return {
        sum: {
          dataPoints: family.series.map(numberPoint(at)),
          aggregationTemporality: temporalityNumber(request.counters),
          isMonotonic: true
        }
      }
    case "histogram":
      return {
        histogram: {
          dataPoints: family.series.map(histogramPoint(at)),
          aggregationTemporality: temporalityNumber(request.histograms)
        }
      }
    case "summary":
      return { summary: { dataPoints: family.series.map(summaryPoint(at)) } }
  }
}

/** An `ExportMetricsServiceRequest`. @category encoding */
export const encode = (request: MetricsRequest): Uint8Array =>
  Buffer.from(JSON.stringify({
    resourceMetrics: [{
      resource: { attributes: Object.entries(request.resource).map(attribute) },
      scopeMetrics: [{
        scope: { name: scopeName, version: request.version },
        metrics: request.families.map((family) => ({
          name: family.name,
          description: family.help,
          ...unit(family.name),
          ...data(request, family)
        }))
      }]
    }]
  }))
