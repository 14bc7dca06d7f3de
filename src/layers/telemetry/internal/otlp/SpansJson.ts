/** Spans as OpenTelemetry's serializer of OTLP's JSON takes them. */
import { type Attributes, type HrTime, type SpanContext, SpanKind, TraceFlags } from "@opentelemetry/api"
import { createTraceState } from "@opentelemetry/api"
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources"
import type { Tracer } from "effect"
import type { Bounded } from "./AttributeValues.ts"
import type { RecordedSpan } from "./RecordedSpan.ts"
import type { Source } from "./SpanSource.ts"

type ReadableSpan = Parameters<typeof JsonTraceSerializer.serializeRequest>[0][number]

const kinds: Readonly<Record<Tracer.SpanKind, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER
}

const timeOf = (nanos: bigint): HrTime => [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)]

const contextOf = (
  { sampled, spanId, traceId }: Pick<Tracer.AnySpan, "sampled" | "spanId" | "traceId">,
  isRemote: boolean,
  traceState?: string
): SpanContext => ({
  traceId,
  spanId,
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote,
  ...(traceState === undefined ? {} : { traceState: createTraceState(traceState) })
})

const boundedOf = ({ attributes, dropped }: Bounded) => ({
  attributes: attributes as Attributes,
  droppedAttributesCount: dropped
})

/** @category conversions */
export const readable = (span: RecordedSpan, resource: Resource, { scope }: Source): ReadableSpan => {
  const { above, context, isAboveRemote } = span
  const own = contextOf(context, false, context.traceState)
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => own,
    ...(above === undefined ? {} : { parentSpanContext: contextOf(above, isAboveRemote) }),
    startTime: timeOf(span.startTime),
    endTime: timeOf(span.endTime),
    duration: timeOf(span.endTime - span.startTime),
    ended: true,
    status: { code: span.statusCode, ...(span.statusMessage === "" ? {} : { message: span.statusMessage }) },
    attributes: Object.fromEntries(span.attributes) as Attributes,
    links: span.links.map((link) => ({
      context: contextOf(link.span, link.span._tag === "ExternalSpan"),
      ...boundedOf(link)
    })),
    events: span.events.map((event) => ({ name: event.name, time: timeOf(event.at), ...boundedOf(event) })),
    droppedAttributesCount: span.droppedAttributes,
    droppedEventsCount: span.droppedEvents,
    droppedLinksCount: span.droppedLinks,
    resource,
    instrumentationScope: scope
  }
}

/** An `ExportTraceServiceRequest` of the spans of one source. @category serializers */
export const request = (source: Source): (spans: ReadonlyArray<RecordedSpan>) => Uint8Array => {
  const resource = resourceFromAttributes(source.resource)
  return (spans) =>
    JsonTraceSerializer.serializeRequest(spans.map((span) => readable(span, resource, source))) ?? new Uint8Array(0)
}
