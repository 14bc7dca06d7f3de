/** The same spans by OpenTelemetry's SDK, as a program brings it. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { assert, describe, it } from "@effect/vitest"
import { SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect, Layer, Tracer } from "effect"
import * as RequestSpans from "../../../src/layers/telemetry/spans/RequestSpans.ts"
import type { BatchRun } from "../../../src/schema/RequestTrace.ts"
import type { Arrival } from "../../../src/services/Tracing.ts"

const start = Effect.gen(function*() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const tracer = yield* Effect.provide(
    Tracer.Tracer,
    OtelTracer.layer.pipe(Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)))
  )
  const { begin } = yield* RequestSpans.make({ tracer })
  return { begin, spans: () => exporter.getFinishedSpans() }
})

const arrival: Arrival = {
  protocol: "grpc",
  model: "m",
  version: "",
  atNanos: 1000,
  context: {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    sampled: true,
    traceState: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
  },
  source: { facts: () => ({ name: "inference.GRPCInferenceService/ModelInfer", attributes: [] }) }
}

const run = (): BatchRun => ({
  model: "m",
  version: 1,
  instance: "m_0",
  rows: 1,
  requests: 1,
  begunAtNanos: 3000,
  endedAtNanos: 9000,
  computeInputNanos: 1000,
  computeInferNanos: 4000,
  computeOutputNanos: 1000,
  observer: undefined
})

describe("spans by OpenTelemetry's SDK", () => {
  it.effect("go on with the client's trace and its tracestate, and are linked both ways", () =>
    Effect.gen(function*() {
      const { begin, spans } = yield* start
      const trace = begin(arrival)!
      const model = trace.model({ model: "m", version: 1, requestId: "", sequenceId: undefined })
      model.queued(2000)
      const batch = run()
      model.ran(batch)
      batch.observer?.ended()
      model.ended()
      trace.ended({ status: 0 })
      const [queue, execution, request] = spans()
      assert.deepStrictEqual([queue, execution, request].map((span) => span!.name), [
        "queue",
        "batch.execute",
        "inference.GRPCInferenceService/ModelInfer"
      ])
      const { spanId, traceId, traceState } = request!.spanContext()
      assert.strictEqual(traceId, "0af7651916cd43dd8448eb211c80319c")
      assert.strictEqual(traceState?.serialize(), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
      assert.strictEqual(request!.parentSpanContext?.spanId, "b7ad6b7169203331")
      assert.isTrue(request!.parentSpanContext?.isRemote)
      assert.strictEqual(queue!.parentSpanContext?.spanId, spanId)
      assert.isUndefined(execution!.parentSpanContext)
      assert.strictEqual(request!.kind, SpanKind.SERVER)
      const links = (span: typeof request) => span!.links.map(({ context }) => [context.traceId, context.spanId])
      const ofBatch = [execution!.spanContext().traceId, execution!.spanContext().spanId]
      assert.deepStrictEqual([request, queue, execution].map(links), [[ofBatch], [ofBatch], [[traceId, spanId]]])
      assert.strictEqual(request!.attributes["rpc.status_code"], "OK")
      assert.deepStrictEqual(execution!.duration, [0, 6000])
    }))

  it.effect("say why they failed", () =>
    Effect.gen(function*() {
      const { begin, spans } = yield* start
      begin(arrival)!.ended({ status: 14, failure: { code: "UNAVAILABLE", type: "QueueFull", message: "it is full" } })
      const [request] = spans()
      assert.deepStrictEqual(request!.status, { code: SpanStatusCode.ERROR, message: "it is full" })
      assert.strictEqual(request!.attributes["error.type"], "QueueFull")
      assert.deepStrictEqual(request!.events.map(({ attributes, name }) => [name, attributes?.["exception.type"]]), [
        ["exception", "QueueFull"]
      ])
    }))
})
