/** Spans of the server's own tracer, and what has become of them. */
import { Context, Option, type Tracer } from "effect"
import type { SpanLimits } from "../../../src/layers/telemetry/internal/otlp/Bounds.ts"
import { FactBlocks } from "../../../src/layers/telemetry/internal/otlp/FactBlock.ts"
import { HeadDecision } from "../../../src/layers/telemetry/internal/otlp/HeadDecision.ts"
import type { RecordedSpan } from "../../../src/layers/telemetry/internal/otlp/RecordedSpan.ts"
import * as SampledTracer from "../../../src/layers/telemetry/internal/otlp/SampledTracer.ts"
import type { Sampling } from "../../../src/layers/telemetry/internal/otlp/Sampling.ts"

/** Those that there are where nothing is said. */
export const usualLimits: SpanLimits = {
  attributeValueLengthLimit: 8192,
  attributeCountLimit: 128,
  eventCountLimit: 128,
  linkCountLimit: 128,
  attributePerEventCountLimit: 128,
  attributePerLinkCountLimit: 128
}

/** A tracer and the spans that it has made, once they have ended. */
export const setup = (
  { limits = usualLimits, remoteParents = true, sampling = { parentBased: true, ratio: 1 } }: {
    readonly limits?: SpanLimits
    readonly sampling?: Sampling
    readonly remoteParents?: boolean
  } = {}
) => {
  const ended: Array<RecordedSpan> = []
  const decision = new HeadDecision(sampling)
  const tracer = SampledTracer.make(
    {
      limits,
      decision,
      blocks: new FactBlocks(limits.attributeValueLengthLimit),
      ended: (span) => ended.push(span)
    },
    remoteParents
  )
  return { decision, ended, tracer }
}

/** Options of a span, of which most say nothing. */
export const options = ({ links = [], name = "span", parent, sampled = parent?.sampled ?? true, ...rest }: {
  readonly name?: string
  readonly kind?: Tracer.SpanKind
  readonly parent?: Tracer.AnySpan | undefined
  readonly annotations?: Context.Context<never>
  readonly startTime?: bigint
  readonly sampled?: boolean
  readonly links?: ReadonlyArray<Tracer.SpanLink>
}): Parameters<Tracer.Tracer["span"]>[0] => ({
  annotations: Context.empty(),
  startTime: 0n,
  kind: "internal",
  root: false,
  ...rest,
  name,
  sampled,
  parent: Option.fromUndefinedOr(parent),
  links: [...links]
})
