import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { assert, describe, it } from "@effect/vitest"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect, Exit, Option, Tracer } from "effect"
import * as fc from "fast-check"
import type { SpanLimits } from "../../../src/layers/telemetry/internal/otlp/Bounds.ts"
import { RecordedSpan } from "../../../src/layers/telemetry/internal/otlp/RecordedSpan.ts"
import * as SpansJson from "../../../src/layers/telemetry/internal/otlp/SpansJson.ts"
import * as Recordings from "./Recordings.ts"
import * as SpanStories from "./SpanStories.ts"

const source = { resource: {}, scope: { name: "galatea", version: "1.2.3" } }
const resource = resourceFromAttributes({})

type Readable = ReturnType<typeof SpansJson.readable>

/** What OpenTelemetry's SDK exports of the same. */
const bySdk = (limits: SpanLimits, story: SpanStories.Story): Readable => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanLimits: limits, spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const tracer = Effect.runSync(
    Effect.provideService(OtelTracer.make, OtelTracer.OtelTracer, provider.getTracer("galatea", "1.2.3"))
  )
  SpanStories.tell(tracer, story)
  return exporter.getFinishedSpans()[0]!
}

/** All that does not come by chance. */
const told = (span: Readable, story: SpanStories.Story) => {
  const { traceId, traceState } = span.spanContext()
  const parent = span.parentSpanContext
  return {
    name: span.name,
    kind: span.kind,
    ...(story.parent === undefined ? {} : { traceId }),
    traceState: traceState?.serialize() ?? "",
    parent: parent === undefined ? undefined : [parent.traceId, parent.spanId, parent.traceFlags, parent.isRemote],
    times: [span.startTime, span.endTime],
    status: [span.status.code, span.status.message ?? ""],
    attributes: Object.entries(span.attributes),
    events: span.events.map(({ attributes = {}, droppedAttributesCount = 0, name, time }) => ({
      name,
      time,
      attributes: Object.entries(attributes),
      droppedAttributesCount
    })),
    links: span.links.map(({ attributes = {}, context, droppedAttributesCount = 0 }) => ({
      ids: [context.traceId, context.spanId, context.traceFlags, context.isRemote],
      attributes: Object.entries(attributes),
      droppedAttributesCount
    })),
    dropped: [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount]
  }
}

describe("an exported span", () => {
  it("says what OpenTelemetry's SDK says of the same, within the same bounds", () => {
    fc.assert(fc.property(SpanStories.limits, SpanStories.story, (limits, story) => {
      const { ended, tracer } = Recordings.setup({ limits })
      SpanStories.tell(tracer, story)
      assert.deepStrictEqual(
        told(SpansJson.readable(ended[0]!, resource, source), story),
        told(bySdk(limits, story), story)
      )
    }))
  })

  const begin = (options: Parameters<typeof Recordings.options>[0] = {}) => {
    const { ended, tracer } = Recordings.setup()
    const span = tracer.span(Recordings.options(options))
    assert.instanceOf(span, RecordedSpan)
    return { ended, span }
  }

  it("has ids as W3C's trace context writes them, another one each", () => {
    const { tracer } = Recordings.setup()
    const spans = Array.from({ length: 100 }, () => tracer.span(Recordings.options({})))
    for (const { spanId, traceId } of spans) {
      assert.match(traceId, /^[0-9a-f]{32}$/)
      assert.match(spanId, /^[0-9a-f]{16}$/)
    }
    assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 100)
    assert.strictEqual(new Set(spans.map(({ spanId }) => spanId)).size, 100)
    const child = tracer.span(Recordings.options({ parent: spans[0] }))
    assert.strictEqual(child.traceId, spans[0]!.traceId)
    assert.notStrictEqual(child.spanId, spans[0]!.spanId)
  })

  it("is referred to by its ids, with whatever tracestate there is", () => {
    const parent = OtelTracer.makeExternalSpan({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "00000000000000ff",
      traceState: "a=1"
    })
    const { span } = begin({ parent })
    const { spanId, traceId } = span
    assert.strictEqual(traceId, parent.traceId)
    for (const traceState of [undefined, "a=1", "b=2"]) {
      const context = span.contextWith(traceState)
      assert.deepStrictEqual(
        [context.traceId, context.spanId, context.sampled, context.traceState],
        [traceId, spanId, true, traceState]
      )
      // It may be kept long after the span, which is not to be kept with it.
      assert.isTrue(context.isLight)
      assert.isFalse(Object.values(context).includes(span))
    }
  })

  it("begins a trace where the ids of its parent are none", () => {
    for (const [traceId, spanId] of [["1", "2"], ["0".repeat(32), "1".repeat(16)], ["1".repeat(32), "x".repeat(16)]]) {
      const { span } = begin({ parent: Tracer.externalSpan({ traceId: traceId!, spanId: spanId! }) })
      assert.isUndefined(span.above)
      assert.notStrictEqual(span.traceId, traceId)
    }
  })

  it("shows what Effect asks of spans", () => {
    const { span } = begin({ startTime: 5n, kind: "server" })
    assert.isTrue(Option.isNone(span.parent))
    assert.deepStrictEqual(span.status, { _tag: "Started", startTime: 5n })
    span.tellFacts([["a", 1], ["b", "text"]], 1024)
    span.attribute("c", true)
    assert.deepStrictEqual([...span.attributes], [["a", 1], ["b", "text"], ["c", true]])
    span.end(9n, Exit.void)
    assert.deepStrictEqual(span.status, { _tag: "Ended", startTime: 5n, endTime: 9n, exit: Exit.void })
  })

  it("is not changed once it has ended, and ends once", () => {
    const { ended, span } = begin()
    span.end(1n, Exit.void)
    span.end(2n, Exit.void)
    span.attribute("a", 1)
    span.tellFacts([["b", 1]], 1024)
    span.event("e", 1n)
    span.addLinks([{ span, attributes: {} }])
    assert.deepStrictEqual(ended, [span])
    assert.deepStrictEqual([span.attributes.size, span.events.length, span.links.length], [0, 0, 0])
    assert.strictEqual(span.endTime, 1n)
  })

  it("takes a list of facts as if they were told one by one", () => {
    const facts = [["a", 1], ["b", "0123456789"], ["a", 2]] as const
    for (const count of [1, 2, 3, 128]) {
      const limits = { ...Recordings.usualLimits, attributeCountLimit: count, attributeValueLengthLimit: 6 }
      const { tracer } = Recordings.setup({ limits })
      const [one, other] = [tracer.span(Recordings.options({})), tracer.span(Recordings.options({}))]
      assert(one instanceof RecordedSpan && other instanceof RecordedSpan)
      one.tellFacts(facts, 8)
      for (const [name, value] of [["a", 1], ["b", "0123456…"], ["a", 2]] as const) other.attribute(name, value)
      for (const span of [one, other]) {
        span.attribute("c", "c")
        span.attribute("b", "changed")
      }
      assert.deepStrictEqual([...one.attributes], [...other.attributes], `${count}`)
      assert.strictEqual(one.droppedAttributes, other.droppedAttributes, `${count}`)
      // Others that have the same list know nothing of the change.
      const next = tracer.span(Recordings.options({}))
      assert(next instanceof RecordedSpan)
      next.tellFacts(facts, 8)
      assert.strictEqual(next.attributes.get("b"), count === 1 ? undefined : "012345", `${count}`)
    }
  })
})
