import { assert, describe, it } from "@effect/vitest"
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
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

  it("are as many as there are, however large", () => {
    const limits = { ...Recordings.usualLimits, attributeValueLengthLimit: Infinity }
    const { ended, tracer } = Recordings.setup({ limits })
    for (let i = 0; i < 5; i++) {
      SpanStories.tell(tracer, { ...SpanStories.empty, attributes: [["text", "ä".repeat(1_000_000)]] })
    }
    for (let i = 0; i < 1000; i++) SpanStories.tell(tracer, { ...SpanStories.empty, attributes: [["number", i]] })
    assert.isTrue(isSame(ended))
  })
})
