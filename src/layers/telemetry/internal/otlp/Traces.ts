/** Spans of this server's tracer, on their way to a collector or an outlet. */
import { Context, Effect, Layer, type Scope, Tracer } from "effect"
import { HeadSampler, type HeadSampling } from "../../../../services/HeadSampler.ts"
import * as Version from "../../../Version.ts"
import * as Certificates from "./Certificates.ts"
import * as ExportQueue from "./ExportQueue.ts"
import { FactBlocks } from "./FactBlock.ts"
import type { FlushTime } from "./FlushTime.ts"
import { HeadDecision } from "./HeadDecision.ts"
import * as Outlet from "./Outlet.ts"
import type { TracesPlan } from "./Plan.ts"
import type { RecordedSpan } from "./RecordedSpan.ts"
import type { Recording } from "./Recording.ts"
import type { ResourceAttributes } from "./Resource.ts"
import type { Written } from "./ReverseWriter.ts"
import * as SampledTracer from "./SampledTracer.ts"
import type { SignalBook } from "./SignalBook.ts"
import type { SignalPlan } from "./SignalVariables.ts"
import * as SpansJson from "./SpansJson.ts"
import type { Source } from "./SpanSource.ts"
import { SpansWriter } from "./SpansProtobuf.ts"
import * as Transport from "./Transport.ts"

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

/** Takes spans that have ended. */
type Taking = Effect.Effect<Recording["ended"], Certificates.InvalidExport, Scope.Scope>

/** Each is written as it ends, so that nothing but its bytes waits: there is one collector, which takes protobuf. */
const asBytes = ({ book, flush, plan }: Options, otlp: SignalPlan, source: Source): Taking =>
  Effect.gen(function*() {
    const writer = new SpansWriter(source)
    const transport = yield* Transport.make(
      yield* Certificates.settings(otlp),
      {
        items: (spans: ReadonlyArray<Written>) => spans.length,
        write: (spans) => writer.request(spans),
        sent: (body) => writer.sent(body)
      },
      book
    )
    const queue = yield* ExportQueue.make(plan.queue, book, transport.send, flush)
    return (span) => {
      if (queue.hasRoom()) queue.push(writer.one(span))
    }
  })

/** Each waits whole: it is written as JSON, or twice. */
const asSpans = ({ book, flush, plan, write }: Options, source: Source): Taking =>
  Effect.gen(function*() {
    const writer = new SpansWriter(source)
    const outlet = yield* Outlet.make(
      plan,
      {
        items: (spans: ReadonlyArray<RecordedSpan>) => spans.length,
        protobuf: (spans) => writer.request(spans.map((span) => writer.one(span))),
        json: SpansJson.request(source)
      },
      book,
      write
    )
    const queue = yield* ExportQueue.make(plan.queue, book, outlet.send, flush)
    return (span) => queue.push(span)
  })

/** The services of a tracer that exports its spans until the scope closes. @category constructors */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Context.Context<never>, Certificates.InvalidExport, Scope.Scope> {
  const { limits, otlp, console, remoteParents, sampling } = options.plan
  const source: Source = { resource: options.resource, scope: { name: "galatea", version: Version.current } }
  const ended = yield* otlp === undefined || console || otlp.protocol === "http/json"
    ? asSpans(options, source)
    : asBytes(options, otlp, source)
  const decision = new HeadDecision(sampling)
  const recording: Recording = {
    limits,
    decision,
    blocks: new FactBlocks(limits.attributeValueLengthLimit),
    ended
  }
  return Context.make(Tracer.Tracer, SampledTracer.make(recording, remoteParents)).pipe(
    Context.add(HeadSampler, remoteParents ? decision.sampled : ofThisProcess(decision.sampled))
  )
})

/** @category layers */
export const layer = (options: Options): Layer.Layer<never, Certificates.InvalidExport> =>
  Layer.effectContext(make(options))
