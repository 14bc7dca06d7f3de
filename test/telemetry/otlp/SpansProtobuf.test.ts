import { assert, describe, it } from "@effect/vitest"
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { Exit, Tracer } from "effect"
import * as fc from "fast-check"
import type { RecordedSpan } from "../../../src/layers/telemetry/internal/otlp/RecordedSpan.ts"
import * as SpansJson from "../../../src/layers/telemetry/internal/otlp/SpansJson.ts"
import type { Source } from "../../../src/layers/telemetry/internal/otlp/SpanSource.ts"
import { SpansWriter } from "../../../src/layers/telemetry/internal/otlp/SpansProtobuf.ts"
import * as Recordings from "./Recordings.ts"
import * as SpanStories from "./SpanStories.ts"

const source: Source = {
  resource: { "service.name": "galatea", "process.pid": 7 },
  scope: { name: "galatea", version: "1.2.3" }
}

const theirs = (spans: ReadonlyArray<RecordedSpan>): Uint8Array => {
  const resource = resourceFromAttributes(source.resource)
  return ProtobufTraceSerializer.serializeRequest(spans.map((span) => SpansJson.readable(span, resource, source)))!
}

const ours = (spans: ReadonlyArray<RecordedSpan>): Uint8Array => {
  const writer = new SpansWriter(source)
  return writer.request(spans.map((span) => writer.one(span)))
}

const isSame = (spans: ReadonlyArray<RecordedSpan>): boolean => Buffer.from(theirs(spans)).equals(ours(spans))

describe("spans in protobuf", () => {
  it("are, byte by byte, what OpenTelemetry's serializer writes", () => {
    fc.assert(
      fc.property(
        SpanStories.limits,
        fc.array(SpanStories.story, { minLength: 1, maxLength: 6 }),
        (limits, stories) => {
          const { ended, tracer } = Recordings.setup({ limits })
          for (const story of stories) SpanStories.tell(tracer, story)
          assert.strictEqual(ended.length, stories.length)
          assert.isTrue(isSame(ended))
        }
      )
    )
  })

  it("are right beside others that differ from them in moments and ids, and in little else", () => {
    const parent = Tracer.externalSpan({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" })
    const at = fc.array(fc.bigInt({ min: 0n, max: 2n ** 62n }), { minLength: 3, maxLength: 3 })
    const values: ReadonlyArray<unknown> = ["1", 1, true, 0, -0, NaN, -1, 2 ** 40, "ä", [1], [], "", "text"]
    const story = fc.record({
      parent: fc.constantFrom(undefined, parent),
      value: fc.constantFrom(...values),
      names: fc.constantFrom(["a", "b"], ["a"], ["b", "a"], []),
      events: fc.constantFrom(["one", "two"], ["one"], ["two", "one"], []),
      said: fc.constantFrom({}, {}, {}, { more: 1 }),
      links: fc.integer({ min: 0, max: 3 }),
      exit: fc.constantFrom(Exit.void, Exit.void, Exit.interrupt(), Exit.fail({ name: "Failed", message: "why" })),
      at
    })
    fc.assert(fc.property(SpanStories.limits, fc.array(story, { minLength: 20, maxLength: 200 }), (limits, stories) => {
      const { ended, tracer } = Recordings.setup({ limits })
      for (const { at: [startTime, eventTime, endTime], events, exit, links, names, parent, said, value } of stories) {
        // They are linked to spans of this process.
        const others = Array.from({ length: links }, (_, i) => tracer.span(Recordings.options({ name: `${i}` })))
        SpanStories.tell(tracer, {
          ...SpanStories.empty,
          parent,
          startTime: startTime!,
          endTime: endTime!,
          exit,
          attributes: names.map((name) => [name, value]),
          events: events.map((name, i) => ({ name, at: eventTime! + BigInt(i), attributes: Object.entries(said) })),
          links: others.map((span) => ({ span, attributes: Object.entries(said) })),
          early: 1
        })
      }
      assert.isTrue(isSame(ended))
    }))
  })

  it("are as many as there are, however large", () => {
    const limits = { ...Recordings.usualLimits, attributeValueLengthLimit: Infinity }
    const { ended, tracer } = Recordings.setup({ limits })
    for (let i = 0; i < 5; i++) {
      SpanStories.tell(tracer, { ...SpanStories.empty, attributes: [["text", "ä".repeat(1_000_000)]] })
    }
    for (let i = 0; i < 1000; i++) SpanStories.tell(tracer, { ...SpanStories.empty, attributes: [["number", i]] })
    assert.isTrue(isSame(ended))
  })

  it("are right in memory that others have had, and stay so until they are sent", () => {
    const { ended, tracer } = Recordings.setup()
    const writer = new SpansWriter(source)
    const memory = new Set<ArrayBufferLike>()
    let kept: { readonly request: Uint8Array; readonly expected: Uint8Array } | undefined
    for (let round = 0; round < 30; round++) {
      const text = String.fromCharCode(97 + round % 26).repeat(round === 20 ? 100_000 : 600)
      for (let i = 0; i < 120; i++) {
        SpanStories.tell(tracer, { ...SpanStories.empty, attributes: [["i", i], ["text", text]] })
      }
      const spans = ended.splice(0)
      // As they come while others are still to be sent.
      const written = spans.map((span) => writer.one(span))
      const expected = theirs(spans)
      const request = writer.request(written)
      assert.isTrue(Buffer.from(expected).equals(request), `${round}`)
      memory.add(request.buffer)
      if (round === 5) kept = { request, expected }
      else writer.sent(request)
    }
    assert.isTrue(Buffer.from(kept!.expected).equals(kept!.request))
    // That of the first, of the one after what is kept, and of the large one.
    assert.isAtMost(memory.size, 4)
  })
})
