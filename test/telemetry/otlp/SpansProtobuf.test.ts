import { assert, describe, it } from "@effect/vitest"
import { type Attributes, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api"
import { createTraceState } from "@opentelemetry/api"
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import * as fc from "fast-check"
import * as SpansProtobuf from "../../../src/layers/telemetry/internal/otlp/SpansProtobuf.ts"

const resource = resourceFromAttributes({ "service.name": "galatea", "process.pid": 7 })
const otherResource = resourceFromAttributes({})
const scope = { name: "galatea", version: "1.2.3" }

const hexadecimal = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length }).map((all) => all.join(""))

const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(0, -1, 127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 62, 2 ** 63, -(2 ** 63), NaN, -0),
  fc.array(fc.string()),
  fc.array(fc.oneof(fc.integer(), fc.constant(null))),
  fc.array(fc.boolean())
)
const attributes = fc.dictionary(fc.string(), value, { noNullPrototype: true }) as fc.Arbitrary<Attributes>

const time = fc.tuple(fc.integer({ min: 0, max: 17_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }))

const context = fc.record({
  traceId: hexadecimal(32),
  spanId: hexadecimal(16),
  traceFlags: fc.constantFrom(TraceFlags.NONE, TraceFlags.SAMPLED),
  isRemote: fc.boolean(),
  traceState: fc.constantFrom(undefined, createTraceState(""), createTraceState("a=1,b=2"))
})

const counted = fc.integer({ min: 0, max: 100_000 })

const span: fc.Arbitrary<ReadableSpan> = fc.record({
  name: fc.string(),
  kind: fc.constantFrom(SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT),
  own: context,
  parentSpanContext: fc.option(context, { nil: undefined }),
  startTime: time,
  endTime: time,
  status: fc.record({
    code: fc.constantFrom(SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR),
    message: fc.option(fc.string(), { nil: undefined })
  }),
  attributes,
  links: fc.array(
    fc.record({
      context,
      attributes: fc.option(attributes, { nil: undefined }),
      droppedAttributesCount: fc.option(counted, { nil: undefined })
    }),
    { maxLength: 3 }
  ),
  events: fc.array(
    fc.record({
      name: fc.string(),
      time,
      attributes: fc.option(attributes, { nil: undefined }),
      droppedAttributesCount: fc.option(counted, { nil: undefined })
    }),
    { maxLength: 3 }
  ),
  droppedAttributesCount: counted,
  droppedEventsCount: counted,
  droppedLinksCount: counted,
  resource: fc.constantFrom(resource, resource, otherResource)
}).map(({ own, ...rest }) =>
  ({
    ...rest,
    spanContext: () => own,
    duration: [0, 0],
    ended: true,
    instrumentationScope: scope
  }) as ReadableSpan
)

/** Spans of one resource follow one another, as OpenTelemetry's serializer puts them. */
const grouped = (spans: ReadonlyArray<ReadableSpan>): Array<ReadableSpan> => {
  const first = spans[0]?.resource
  return [...spans.filter((one) => one.resource === first), ...spans.filter((one) => one.resource !== first)]
}

describe("spans in protobuf", () => {
  it("are, byte by byte, what OpenTelemetry's serializer writes", () => {
    fc.assert(fc.property(fc.array(span, { maxLength: 6 }), (some) => {
      const spans = grouped(some)
      const expected = ProtobufTraceSerializer.serializeRequest(spans)!
      assert.isTrue(Buffer.from(expected).equals(SpansProtobuf.write(spans)))
    }))
  })

  it("are as many as there are, however large", () => {
    const [one] = fc.sample(span, 1)
    const large: ReadableSpan = { ...one!, attributes: { text: "ä".repeat(1_000_000) } }
    const spans = Array.from({ length: 5 }, () => large)
    const expected = ProtobufTraceSerializer.serializeRequest(spans)!
    assert.isTrue(Buffer.from(expected).equals(SpansProtobuf.write(spans)))
  })
})
