/**
 * The forms of a line of the log.
 *
 * Source: model-config §7.2, "Log line", for Triton's two.
 */
import type { LogLevel } from "effect"
import type { LogFormat } from "../../../../schema/LogSetting.ts"
import type { LogEntry } from "./LogEntry.ts"
import { harmless, json, quoted } from "./LogText.ts"

/** @category models */
export interface Look {
  /** `false` leaves messages of Triton's forms as they are; else they are written as JSON strings, so that one message is one line. */
  readonly escape: boolean
  /** Colours are allowed. */
  readonly rich: boolean
}

/** Triton's letter of a level. @category models */
export type Severity = "I" | "W" | "E"

/** @category getters */
export const severity = (level: LogLevel.LogLevel): Severity =>
  level === "Fatal" || level === "Error" ? "E" : level === "Warn" ? "W" : "I"

const two = (value: number): string => String(value).padStart(2, "0")

const clock = (date: Date): string =>
  `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}.${
    String(date.getUTCMilliseconds()).padStart(3, "0")
  }`

const head = (format: "default" | "ISO8601", { date, level, source = "galatea:0" }: LogEntry): string =>
  format === "ISO8601"
    ? `${date.toISOString().slice(0, 19)}Z ${severity(level)} ${process.pid} ${source}]`
    : `${severity(level)}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())} ${
      clock(date)
    }000 ${process.pid} ${source}]`

/** As a value of `key=value`: what would look like more than one is in quotes. */
const plain = (value: string | number | boolean): string =>
  typeof value === "string" && !/^[^\s"=]+$/.test(value) ? quoted(value) : harmless(String(value))

/** Annotations follow the message as `key=value`. */
const triton = (format: "default" | "ISO8601", entry: LogEntry, { escape }: Look): string => {
  let body = entry.message
  if (entry.cause !== undefined) body += ` ${entry.cause}`
  for (const [name, value] of entry.annotations) body += ` ${name}=${plain(value)}`
  if (entry.span !== undefined) body += ` trace_id=${entry.span.traceId} span_id=${entry.span.spanId}`
  return `${head(format, entry)} ${escape ? quoted(body) : body}\n`
}

const object = (entry: LogEntry): string => {
  let line = `{"time":"${entry.date.toISOString()}","level":"${entry.level.toUpperCase()}"`
  if (entry.source !== undefined) line += `,"source":${quoted(entry.source)}`
  line += `,"message":${quoted(entry.message)}`
  if (entry.annotations.length > 0) {
    const members = entry.annotations.map(([name, value]) =>
      `${quoted(name)}:${typeof value === "string" ? quoted(value) : json(value)}`
    )
    line += `,"annotations":{${members.join(",")}}`
  }
  if (entry.cause !== undefined) line += `,"cause":${quoted(entry.cause)}`
  if (entry.span !== undefined) {
    line += `,"trace_id":${quoted(entry.span.traceId)},"span_id":${quoted(entry.span.spanId)}`
  }
  return `${line},"pid":${process.pid}}\n`
}

const colours: Readonly<Record<Severity, number>> = { I: 32, W: 33, E: 31 }

const pretty = (entry: LogEntry, { rich }: Look): string => {
  const style = (code: number, text: string) => rich ? `\x1b[${code}m${text}\x1b[0m` : text
  const level = entry.level.toUpperCase().padEnd(5)
  let line = `${style(2, clock(entry.date))} ${style(colours[severity(entry.level)], level)} `
  if (entry.source !== undefined) line += `${style(2, harmless(entry.source))} `
  line += harmless(entry.message).replaceAll("\n", "\n  ")
  for (const [name, value] of entry.annotations) line += ` ${style(2, `${harmless(name)}=`)}${plain(value)}`
  if (entry.span !== undefined) line += ` ${style(2, "trace_id=")}${harmless(entry.span.traceId)}`
  if (entry.cause !== undefined) line += `\n  ${harmless(entry.cause).replaceAll("\n", "\n  ")}`
  return `${line}\n`
}

/** A line with its line feed; only `pretty`, and Triton's forms where `escape` is off, may have more than one. @category formatting */
export const line = (format: LogFormat, entry: LogEntry, look: Look): string =>
  format === "json" ? object(entry) : format === "pretty" ? pretty(entry, look) : triton(format, entry, look)
