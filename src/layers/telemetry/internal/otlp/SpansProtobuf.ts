/**
 * Writes spans as OTLP's protobuf messages: each by itself when it ends, and those that leave together behind what they have in common.
 * It is what OpenTelemetry's own serializer writes, byte by byte.
 *
 * Numbers are those of the fields in `trace.proto` and `resource.proto` of OTLP 1.x; fields are written from the last to the first.
 */
import type { Tracer } from "effect"
import * as AttributesProtobuf from "./AttributesProtobuf.ts"
import { none, nothing, type Value } from "./AttributeValues.ts"
import { Blocks } from "./Block.ts"
import { BodyMemory } from "./BodyMemory.ts"
import { RecordedSpan, type SpanLink } from "./RecordedSpan.ts"
import { ReverseWriter, type Written } from "./ReverseWriter.ts"
import type { SpanEvents } from "./SpanEvents.ts"
import type { Source } from "./SpanSource.ts"
import { type Places, SpanTails } from "./SpanTails.ts"
import { SpanContext } from "./TraceIds.ts"

const { count, message, tag, text, wire } = AttributesProtobuf

const kinds: Readonly<Record<Tracer.SpanKind, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }

const ids = (writer: ReverseWriter, { high, low, trace: { a, b, c, d } }: SpanContext): void => {
  spanId(writer, 2, high, low)
  writer.word(d)
  writer.word(c)
  writer.word(b)
  writer.word(a)
  writer.byte(16)
  tag(writer, 1, wire.nested)
}

const spanId = (writer: ReverseWriter, field: number, high: number, low: number): void => {
  writer.word(low)
  writer.word(high)
  writer.byte(8)
  tag(writer, field, wire.nested)
}

const time = (writer: ReverseWriter, field: number, high: number, low: number): void => {
  writer.fixed64(high, low)
  tag(writer, field, wire.fixed64)
}

/** Sampled or not, and that it is known whether it is one of another process. */
const flags = (writer: ReverseWriter, field: number, isSampled: boolean, isRemote: boolean): void => {
  writer.fixed32((isSampled ? 1 : 0) | 0x100 | (isRemote ? 0x200 : 0))
  tag(writer, field, wire.fixed32)
}

const attributes = (writer: ReverseWriter, field: number, all: Readonly<Record<string, Value>>): void => {
  if (all !== none) AttributesProtobuf.write(writer, field, Object.keys(all), Object.values(all))
}

/** Where its ids begin, as the length written until there. */
const link = (writer: ReverseWriter, { attributes: all, dropped, own, span }: SpanLink): number => {
  const since = writer.length
  flags(writer, 6, span.sampled, span._tag === "ExternalSpan")
  count(writer, 5, dropped)
  attributes(writer, 4, all)
  ids(writer, own ?? (span instanceof RecordedSpan ? span.context : SpanContext.parse(span)))
  // Behind a tag and a length.
  const idsAt = writer.length - 2
  message(writer, 13, since)
  return idsAt
}

const events = (writer: ReverseWriter, one: SpanEvents, since: number, places: Places | undefined): void => {
  const { attributes: said, names, times } = one
  for (let i = names.length - 1; i >= 0; i--) {
    const begin = writer.length
    const { attributes: all, dropped } = said?.[i] ?? nothing
    count(writer, 4, dropped)
    attributes(writer, 3, all)
    text(writer, 2, names[i]!)
    writer.fixed64(times[2 * i]!, times[2 * i + 1]!)
    places?.events.push(writer.length - since)
    tag(writer, 1, wire.fixed64)
    message(writer, 11, begin)
  }
}

const links = (writer: ReverseWriter, { links }: RecordedSpan, since: number, places: Places | undefined): void => {
  for (let i = links.length - 1; i >= 0; i--) {
    const idsAt = link(writer, links[i]!)
    places?.links.push(idsAt - since)
  }
}

const status = (writer: ReverseWriter, { statusCode, statusMessage }: RecordedSpan): void => {
  const since = writer.length
  count(writer, 3, statusCode)
  if (statusMessage !== "") text(writer, 2, statusMessage)
  message(writer, 15, since)
}

/** What follows what spans have in common. */
const tail = (writer: ReverseWriter, one: RecordedSpan, places: Places | undefined): void => {
  const since = writer.length
  flags(writer, 16, true, one.isAboveRemote)
  status(writer, one)
  count(writer, 14, one.droppedLinks)
  links(writer, one, since, places)
  count(writer, 12, one.droppedEvents)
  if (one.happened !== undefined) events(writer, one.happened, since, places)
  count(writer, 10, one.droppedAttributes)
  if (one.told !== undefined) {
    AttributesProtobuf.write(writer, AttributesProtobuf.spanField, one.told.names, one.told.values)
  }
}

/** One of the spans of a request, with its field. */
const span = (writer: ReverseWriter, one: RecordedSpan, tails: SpanTails): void => {
  const since = writer.length
  const { above, context, told } = one
  const place = tails.of(one)
  if (!place.write(writer, one)) {
    const places = place.wanted(one)
    tail(writer, one, places)
    if (places !== undefined) place.keep(one, writer.since(since), places)
  }
  if (told?.facts !== undefined) writer.raw(told.facts.bytes)
  time(writer, 8, one.endHigh, one.endLow)
  time(writer, 7, one.startHigh, one.startLow)
  count(writer, 6, kinds[one.kind])
  text(writer, 5, one.name)
  if (above !== undefined) spanId(writer, 4, above.high, above.low)
  const { traceState } = context
  if (traceState !== undefined && traceState !== "") text(writer, 3, traceState)
  ids(writer, context)
  message(writer, 2, since)
}

const scope = (writer: ReverseWriter, { scope: { name, version } }: Source): void => {
  const since = writer.length
  text(writer, 2, version)
  text(writer, 1, name)
  message(writer, 1, since)
}

const resource = (writer: ReverseWriter, { resource: all }: Source): void => {
  const since = writer.length
  count(writer, 2, 0)
  attributes(writer, 1, all)
  message(writer, 1, since)
}

/** Bytes of memory that ended spans share, and how many such pieces are kept for others. */
const blockSize = 65_536
const maxFreeBlocks = 16

/** Writes the spans of one source. @category models */
export class SpansWriter {
  private readonly writer = new ReverseWriter(new Blocks(blockSize, maxFreeBlocks))
  private readonly bodies = new BodyMemory()
  private readonly tails = new SpanTails()
  /** The scope with its field, and the resource with its own. */
  private readonly scope: Uint8Array
  private readonly resource: Uint8Array

  constructor(source: Source) {
    scope(this.writer, source)
    this.scope = this.copy()
    resource(this.writer, source)
    this.resource = this.copy()
  }

  /** One span, as `request` takes it. */
  one(ended: RecordedSpan): Written {
    span(this.writer, ended, this.tails)
    return this.writer.take()
  }

  /**
   * An `ExportTraceServiceRequest` of spans that were written one by one, each of which is used up by it. The next one may have its
   * memory once it was `sent`.
   */
  request(spans: ReadonlyArray<Written>): Uint8Array {
    let size = 0
    for (let i = 0; i < spans.length; i++) size += spans[i]!.length
    const inner = size + this.scope.length
    const list = this.header(2, inner)
    const whole = this.header(1, this.resource.length + list.length + inner)
    const bytes = this.bodies.take(whole.length + this.resource.length + list.length + inner)
    let at = 0
    for (const part of [whole, this.resource, list, this.scope]) {
      bytes.set(part, at)
      at += part.length
    }
    for (let i = 0; i < spans.length; i++) {
      const one = spans[i]!
      bytes.set(one.bytes, at)
      at += one.length
      this.writer.release(one)
    }
    return bytes
  }

  sent(request: Uint8Array): void {
    this.bodies.give(request)
  }

  /** What a message in a field begins with. */
  private header(field: number, length: number): Uint8Array {
    this.writer.uint32(length)
    tag(this.writer, field, wire.nested)
    return this.copy()
  }

  /** What was just written, in memory of its own. */
  private copy(): Uint8Array {
    const written = this.writer.take()
    const bytes = written.bytes.slice()
    this.writer.release(written)
    return bytes
  }
}
