/** Writes metrics as OTLP's protobuf messages. Numbers are those of the fields in `metrics.proto` of OTLP 1.x. */
import type { Distribution, Exemplar, MetricFamily, MetricSeries, Summary } from "../../../../schema/MetricFamily.ts"
import { WireWriter } from "../../../../schema/proto/WireWriter.ts"
import { type MetricsRequest, nanosOf, scopeName, temporalityNumber, unitOf } from "./MetricsRequest.ts"

const varint = 0
const fixed64 = 1
const nested = 2

const tag = (writer: WireWriter, field: number, wireType: number): void => writer.uint32(field * 8 + wireType)

const message = (writer: WireWriter, field: number, write: () => void): void => {
  tag(writer, field, nested)
  writer.begin()
  write()
  writer.end()
}

const text = (writer: WireWriter, field: number, value: string): void => {
  if (value === "") return
  tag(writer, field, nested)
  writer.string(value)
}

const double = (writer: WireWriter, field: number, value: number): void => {
  tag(writer, field, fixed64)
  writer.double(value)
}

const fixed = (writer: WireWriter, field: number, value: bigint): void => {
  tag(writer, field, fixed64)
  writer.fixed64(value)
}

const attribute = (writer: WireWriter, field: number, name: string, value: string | number): void =>
  message(writer, field, () => {
    text(writer, 1, name)
    message(writer, 2, () => {
      if (typeof value === "string") {
        tag(writer, 1, nested)
        writer.string(value)
      } else if (Number.isSafeInteger(value)) {
        tag(writer, 3, varint)
        writer.int64Number(value)
      } else double(writer, 4, value)
    })
  })

const bytesOf = (hexadecimal: string): Uint8Array => Buffer.from(hexadecimal, "hex")

const exemplar = (writer: WireWriter, field: number, one: Exemplar): void =>
  message(writer, field, () => {
    fixed(writer, 2, nanosOf(one.atMillis))
    double(writer, 3, one.value)
    tag(writer, 4, nested)
    writer.bytes(bytesOf(one.spanId))
    tag(writer, 5, nested)
    writer.bytes(bytesOf(one.traceId))
  })

/** The begin of every data point. */
const times = (writer: WireWriter, { sinceMillis }: MetricSeries<unknown>, at: bigint): void => {
  fixed(writer, 2, nanosOf(sinceMillis))
  fixed(writer, 3, at)
}

const attributes = (writer: WireWriter, field: number, { labels }: MetricSeries<unknown>): void => {
  for (const [name, value] of labels.pairs) attribute(writer, field, name, value)
}

const numberPoint = (writer: WireWriter, series: MetricSeries<number>, at: bigint): void =>
  message(writer, 1, () => {
    times(writer, series, at)
    double(writer, 4, series.value)
    attributes(writer, 7, series)
  })

const histogramPoint = (writer: WireWriter, series: MetricSeries<Distribution>, at: bigint): void =>
  message(writer, 1, () => {
    const { bounds, count, counts, exemplars = [], sum } = series.value
    times(writer, series, at)
    fixed(writer, 4, BigInt(count))
    double(writer, 5, sum)
    message(writer, 6, () => {
      for (const one of counts) writer.fixed64(BigInt(one))
    })
    message(writer, 7, () => {
      for (const bound of bounds) writer.double(bound)
    })
    for (const one of exemplars) if (one !== undefined) exemplar(writer, 8, one)
    attributes(writer, 9, series)
  })

const summaryPoint = (writer: WireWriter, series: MetricSeries<Summary>, at: bigint): void =>
  message(writer, 1, () => {
    const { count, quantiles, sum } = series.value
    times(writer, series, at)
    fixed(writer, 4, BigInt(count))
    double(writer, 5, sum)
    for (const [share, value] of quantiles) {
      // Nothing was measured of late.
      if (Number.isNaN(value)) continue
      message(writer, 6, () => {
        double(writer, 1, share)
        double(writer, 2, value)
      })
    }
    attributes(writer, 7, series)
  })

const data = (writer: WireWriter, request: MetricsRequest, family: MetricFamily): void => {
  const at = nanosOf(request.atMillis)
  switch (family.type) {
    case "gauge":
      return message(writer, 5, () => {
        for (const series of family.series) numberPoint(writer, series, at)
      })
    case "counter":
      return message(writer, 7, () => {
        for (const series of family.series) numberPoint(writer, series, at)
        tag(writer, 2, varint)
        writer.uint32(temporalityNumber(request.counters))
        tag(writer, 3, varint)
        writer.bool(true)
      })
    case "histogram":
      return message(writer, 9, () => {
        for (const series of family.series) histogramPoint(writer, series, at)
        tag(writer, 2, varint)
        writer.uint32(temporalityNumber(request.histograms))
      })
    case "summary":
      return message(writer, 11, () => {
        for (const series of family.series) summaryPoint(writer, series, at)
      })
  }
}

/** An `ExportMetricsServiceRequest`. @category encoding */
export const encode = (request: MetricsRequest): Uint8Array => {
  const writer = new WireWriter({ spliceFrom: Infinity })
  message(writer, 1, () => {
    message(writer, 1, () => {
      for (const [name, value] of Object.entries(request.resource)) attribute(writer, 1, name, value)
    })
    message(writer, 2, () => {
      message(writer, 1, () => {
        text(writer, 1, scopeName)
        text(writer, 2, request.version)
      })
      for (const family of request.families) {
        message(writer, 2, () => {
          text(writer, 1, family.name)
          text(writer, 2, family.help)
          text(writer, 3, unitOf(family.name))
          data(writer, request, family)
        })
      }
    })
  })
  return writer.finish().parts[0]!
}
