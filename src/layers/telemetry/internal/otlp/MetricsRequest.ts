/** Metrics as OTLP sends them: in one message, some series of one moment. Source: OTLP 1.x, `metrics.proto`. */
import type { MetricFamily } from "../../../../schema/MetricFamily.ts"

/** What a value counts: everything since the series began, or what came since the message before. @category models */
export type Temporality = "cumulative" | "delta"

/** @category models */
export interface MetricsRequest {
  readonly resource: Readonly<Record<string, string | number>>
  /** Of the server, which names the scope. */
  readonly version: string
  /** Milliseconds since 1970. */
  readonly atMillis: number
  readonly counters: Temporality
  readonly histograms: Temporality
  readonly families: ReadonlyArray<MetricFamily>
}

/** Name of the instrumentation scope. @category constants */
export const scopeName = "galatea"

/** The number of a temporality in OTLP. @category conversions */
export const temporalityNumber = (temporality: Temporality): number => temporality === "delta" ? 1 : 2

/** Nanoseconds since 1970. @category conversions */
export const nanosOf = (millis: number): bigint => BigInt(Math.round(millis * 1000)) * 1000n

/**
 * The unit by UCUM, where the end of the name says one that a receiver would put there too: any other unit stands in the name
 * alone, so that no receiver makes another name of it.
 *
 * @category getters
 */
export const unitOf = (name: string): string => {
  const unit = /_(seconds|bytes)(?:_total)?$/.exec(name)?.[1]
  return unit === "seconds" ? "s" : unit === "bytes" ? "By" : ""
}

/** Data points in it. @category getters */
export const items = ({ families }: MetricsRequest): number =>
  families.reduce((sum, { series }) => sum + series.length, 0)

/** Messages of at most so many series each: a collector takes none that is too large. @category conversions */
export const split = (
  families: ReadonlyArray<MetricFamily>,
  most: number
): ReadonlyArray<ReadonlyArray<MetricFamily>> => {
  const messages: Array<ReadonlyArray<MetricFamily>> = []
  let message: Array<MetricFamily> = []
  let room = most
  for (const family of families) {
    for (let at = 0; at < family.series.length;) {
      if (room === 0) {
        messages.push(message)
        message = []
        room = most
      }
      const part = { ...family, series: family.series.slice(at, at + room) } as MetricFamily
      message.push(part)
      at += part.series.length
      room -= part.series.length
    }
  }
  return message.length === 0 ? messages : [...messages, message]
}
