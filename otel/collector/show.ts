/**
 * Prints what a collector has put into files: the spans of the trace that run.sh sends, a batch, and the first log records.
 *
 *     node otel/collector/show.ts FOLDER
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

interface Value {
  readonly stringValue?: string
  readonly intValue?: string
  readonly doubleValue?: number
  readonly boolValue?: boolean
}

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: ReadonlyArray<{ readonly key: string; readonly value: Value }>
  readonly links?: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

interface LogRecord {
  readonly severityText?: string
  readonly body?: Value
}

interface Line {
  readonly resourceSpans?: ReadonlyArray<
    { readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }> }
  >
  readonly resourceLogs?: ReadonlyArray<{
    readonly scopeLogs: ReadonlyArray<{ readonly logRecords: ReadonlyArray<LogRecord> }>
  }>
}

const folder = process.argv[2] ?? "."
const lines = (name: string): ReadonlyArray<Line> =>
  readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line) as Line)

const spans = lines("traces.jsonl")
  .flatMap(({ resourceSpans = [] }) => resourceSpans)
  .flatMap(({ scopeSpans }) => scopeSpans)
  .flatMap(({ spans }) => spans)

const text = ({ boolValue, doubleValue, intValue, stringValue }: Value) =>
  String(stringValue ?? intValue ?? doubleValue ?? boolValue)

const print = (span: Span, indent = "") => {
  const micros = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1000
  console.log(`${indent}${span.name}  ${micros.toFixed(0)} µs  trace ${span.traceId}  span ${span.spanId}`)
  for (const { key, value } of span.attributes ?? []) {
    if (key.startsWith("galatea.")) console.log(`${indent}  ${key} = ${text(value)}`)
  }
  for (const link of span.links ?? []) console.log(`${indent}  link to trace ${link.traceId}  span ${link.spanId}`)
  for (const child of spans) if (child.parentSpanId === span.spanId) print(child, `${indent}  `)
}

const asked = spans.filter(({ parentSpanId }) => parentSpanId === "00f067aa0ba902b7")
for (const span of asked) print(span)
const ids = new Set(asked.map(({ spanId }) => spanId))
for (const span of spans) {
  if (span.name === "batch.execute" && (span.links ?? []).some(({ spanId }) => ids.has(spanId))) print(span)
}

const records = lines("logs.jsonl")
  .flatMap(({ resourceLogs = [] }) => resourceLogs)
  .flatMap(({ scopeLogs }) => scopeLogs)
  .flatMap(({ logRecords }) => logRecords)
for (const { body = {}, severityText = "" } of records.slice(0, 5)) console.log(`log ${severityText}: ${text(body)}`)
