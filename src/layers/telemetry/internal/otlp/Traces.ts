/** Spans by OpenTelemetry's SDK, on their way to an outlet. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { AlwaysOnSampler, type ReadableSpan, type SpanProcessor } from "@opentelemetry/sdk-trace-base"
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node"
import { Context, Effect, Layer, type Scope, Tracer } from "effect"
import { HeadSampler, type HeadSampling } from "../../../../services/HeadSampler.ts"
import * as Version from "../../../Version.ts"
import type { InvalidExport } from "./Certificates.ts"
import * as ExportQueue from "./ExportQueue.ts"
import type { FlushTime } from "./FlushTime.ts"
import { HeadDecision } from "./HeadDecision.ts"
import * as Outlet from "./Outlet.ts"
import type { TracesPlan } from "./Plan.ts"
import type { ResourceAttributes } from "./Resource.ts"
import * as SampledTracer from "./SampledTracer.ts"
import type { Serializer } from "./Serializer.ts"
import type { SignalBook } from "./SignalBook.ts"
import * as SpansProtobuf from "./SpansProtobuf.ts"

const empty = new Uint8Array(0)

/** @category serializers */
export const serializer: Serializer<ReadonlyArray<ReadableSpan>> = {
  items: (spans) => spans.length,
  protobuf: SpansProtobuf.write,
  json: (spans) => JsonTraceSerializer.serializeRequest([...spans]) ?? empty
}

const done = Promise.resolve()

/** @category models */
export interface Options {
  readonly plan: TracesPlan
  readonly resource: ResourceAttributes
  readonly book: SignalBook
  readonly write: Outlet.Write
  /** For what is still to be sent at the end. */
  readonly flush: FlushTime
}

/** For what a client sends counts as nothing: it is no span of this process. */
const ofThisProcess = (sampled: HeadSampling): HeadSampling => (parent) =>
  sampled(parent !== undefined && "_tag" in parent && parent._tag === "Span" ? parent : undefined)

/** The services of a tracer that exports its spans until the scope closes. @category constructors */
export const make = Effect.fnUntraced(function*(
  { book, flush, plan, resource, write }: Options
): Effect.fn.Return<Context.Context<never>, InvalidExport, Scope.Scope> {
  const outlet = yield* Outlet.make(plan, serializer, book, write)
  const queue = yield* ExportQueue.make(plan.queue, book, outlet.send, flush)
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (span) => queue.push(span),
    // The queue ends with its own scope.
    forceFlush: () => done,
    shutdown: () => done
  }
  const decision = new HeadDecision(plan.sampling)
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes(resource),
    sampler: new AlwaysOnSampler(),
    idGenerator: decision,
    spanLimits: plan.limits,
    spanProcessors: [processor]
  })
  const made = yield* Effect.provideService(
    OtelTracer.make,
    OtelTracer.OtelTracer,
    provider.getTracer("galatea", Version.current)
  )
  return Context.make(Tracer.Tracer, SampledTracer.make(made, decision, plan.remoteParents)).pipe(
    Context.add(HeadSampler, plan.remoteParents ? decision.sampled : ofThisProcess(decision.sampled))
  )
})

/** @category layers */
export const layer = (options: Options): Layer.Layer<never, InvalidExport> => Layer.effectContext(make(options))
