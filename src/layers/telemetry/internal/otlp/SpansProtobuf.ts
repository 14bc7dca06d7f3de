/**
 * Writes spans as OTLP's protobuf messages: what OpenTelemetry's own serializer writes, byte by byte, in half the time.
 *
 * Numbers are those of the fields in `trace.proto` and `common.proto` of OTLP 1.x; fields are written from the last to the first.
 */
import type { Attributes, AttributeValue, HrTime, Link, SpanContext, SpanStatus } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import { ReverseWriter } from "./ReverseWriter.ts"

type Event = ReadableSpan["events"][number]

const varint = 0
const fixed64 = 1
const nested = 2
const fixed32 = 5

const tag = (writer: ReverseWriter, field: number, wireType: number): void => writer.uint32(field * 8 + wireType)

const text = (writer: ReverseWriter, field: number, value: string): void => {
  writer.string(value)
  tag(writer, field, nested)
}

const count = (writer: ReverseWriter, field: number, value: number): void => {
  writer.uint32(value)
  tag(writer, field, varint)
}

const id = (writer: ReverseWriter, field: number, hexadecimal: string): void => {
  writer.id(hexadecimal)
  tag(writer, field, nested)
}

/** What was written since then is a message in a field. */
const message = (writer: ReverseWriter, field: number, since: number): void => {
  writer.message(since)
  tag(writer, field, nested)
}

/** Seconds and nanoseconds as nanoseconds: the product of the seconds has more bits than a number holds. */
const time = (writer: ReverseWriter, field: number, [seconds, nanos]: HrTime): void => {
  const lower = (seconds & 0xffff) * 1e9 + nanos
  const upper = Math.floor(seconds / 0x10000) * 1e9
  const low = (lower >>> 0) + (((upper & 0xffff) << 16) >>> 0)
  const high = Math.floor(lower / 0x100000000) + Math.floor(upper / 0x10000) + (low > 0xffffffff ? 1 : 0)
  writer.fixed64(low >>> 0, high >>> 0)
  tag(writer, field, fixed64)
}

const anyValue = (writer: ReverseWriter, value: AttributeValue | null | undefined): void => {
  if (typeof value === "string") text(writer, 1, value)
  else if (typeof value === "number") {
    if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) {
      writer.int64(value)
      tag(writer, 3, varint)
    } else {
      writer.double(value)
      tag(writer, 4, fixed64)
    }
  } else if (typeof value === "boolean") {
    writer.byte(value ? 1 : 0)
    tag(writer, 2, varint)
  } else if (Array.isArray(value)) {
    const array = writer.length
    for (let i = value.length - 1; i >= 0; i--) {
      const item = writer.length
      anyValue(writer, value[i])
      message(writer, 1, item)
    }
    message(writer, 5, array)
  }
}

const attributes = (writer: ReverseWriter, field: number, all: Attributes): void => {
  const names = Object.keys(all)
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!
    const pair = writer.length
    anyValue(writer, all[name])
    message(writer, 2, pair)
    text(writer, 1, name)
    message(writer, field, pair)
  }
}

const flagsOf = ({ isRemote, traceFlags }: Pick<SpanContext, "isRemote" | "traceFlags">): number =>
  (traceFlags & 0xff) | 0x100 | (isRemote === true ? 0x200 : 0)

const traceState = (writer: ReverseWriter, { traceState }: SpanContext): void => {
  const state = traceState?.serialize()
  if (state !== undefined && state !== "") text(writer, 3, state)
}

const link = (writer: ReverseWriter, { attributes: all, context, droppedAttributesCount }: Link): void => {
  const since = writer.length
  writer.fixed32(flagsOf(context))
  tag(writer, 6, fixed32)
  count(writer, 5, droppedAttributesCount ?? 0)
  if (all !== undefined) attributes(writer, 4, all)
  traceState(writer, context)
  id(writer, 2, context.spanId)
  id(writer, 1, context.traceId)
  message(writer, 13, since)
}

const event = (writer: ReverseWriter, { attributes: all, droppedAttributesCount, name, time: at }: Event): void => {
  const since = writer.length
  count(writer, 4, droppedAttributesCount ?? 0)
  if (all !== undefined) attributes(writer, 3, all)
  text(writer, 2, name)
  time(writer, 1, at)
  message(writer, 11, since)
}

const status = (writer: ReverseWriter, { code, message: why }: SpanStatus): void => {
  const since = writer.length
  count(writer, 3, code)
  if (why !== undefined && why !== "") text(writer, 2, why)
  message(writer, 15, since)
}

const span = (writer: ReverseWriter, one: ReadableSpan): void => {
  const since = writer.length
  const context = one.spanContext()
  const { events, links, parentSpanContext: parent } = one
  writer.fixed32(flagsOf({ traceFlags: context.traceFlags, isRemote: parent?.isRemote === true }))
  tag(writer, 16, fixed32)
  status(writer, one.status)
  count(writer, 14, one.droppedLinksCount)
  for (let i = links.length - 1; i >= 0; i--) link(writer, links[i]!)
  count(writer, 12, one.droppedEventsCount)
  for (let i = events.length - 1; i >= 0; i--) event(writer, events[i]!)
  count(writer, 10, one.droppedAttributesCount)
  attributes(writer, 9, one.attributes)
  time(writer, 8, one.endTime)
  time(writer, 7, one.startTime)
  // The API has no value for a kind that nobody has said.
  count(writer, 6, one.kind + 1)
  text(writer, 5, one.name)
  if (parent !== undefined) id(writer, 4, parent.spanId)
  traceState(writer, context)
  id(writer, 2, context.spanId)
  id(writer, 1, context.traceId)
  message(writer, 2, since)
}

const scope = (writer: ReverseWriter, { name, version }: ReadableSpan["instrumentationScope"]): void => {
  const since = writer.length
  if (version !== undefined && version !== "") text(writer, 2, version)
  text(writer, 1, name)
  message(writer, 1, since)
}

const resource = (writer: ReverseWriter, { attributes: all }: ReadableSpan["resource"]): void => {
  const since = writer.length
  count(writer, 2, 0)
  attributes(writer, 1, all)
  message(writer, 1, since)
}

const isSame = (a: ReadableSpan, b: ReadableSpan): boolean =>
  a.resource === b.resource && a.instrumentationScope === b.instrumentationScope

/** Bytes for a span to begin with. */
const usualSize = 640

/** An `ExportTraceServiceRequest`. Spans of one scope that follow one another are one list. @category serializers */
export const write = (spans: ReadonlyArray<ReadableSpan>): Uint8Array => {
  const writer = new ReverseWriter(64 + usualSize * spans.length)
  for (let last = spans.length - 1; last >= 0;) {
    const one = spans[last]!
    const since = writer.length
    const { instrumentationScope, resource: own } = one
    if (own.schemaUrl !== undefined && own.schemaUrl !== "") text(writer, 3, own.schemaUrl)
    const list = writer.length
    if (instrumentationScope.schemaUrl !== undefined && instrumentationScope.schemaUrl !== "") {
      text(writer, 3, instrumentationScope.schemaUrl)
    }
    for (; last >= 0 && isSame(spans[last]!, one); last--) span(writer, spans[last]!)
    scope(writer, instrumentationScope)
    message(writer, 2, list)
    resource(writer, own)
    message(writer, 1, since)
  }
  return writer.finish()
}
