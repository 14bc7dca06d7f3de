/** What traces say of a request for inference over Effect RPC. Source: OpenTelemetry semantic conventions 1.45, "RPC spans". */
import { Context, type Fiber, Tracer } from "effect"
import type { Headers } from "effect/http/Headers"
import type { Arrival, ArrivalFacts } from "../../../../services/Tracing.ts"
import * as ConnectionFacts from "../tracing/ConnectionFacts.ts"
import * as WireFacts from "../tracing/WireFacts.ts"
import { type Sent, spanOf as spanOfHeaders } from "./Propagation.ts"
import type { AnyRequest } from "./RequestReader.ts"

/** @internal */
export type Procedure = "ModelInfer" | "ModelStreamInfer"

/** Where a request came from, as far as its transport knows. @internal */
export interface Origin {
  /** Nanoseconds by the monotonic clock. */
  readonly atNanos: number
  readonly sent: Sent
  /** `undefined`: nobody knows. */
  readonly wire: WireFacts.Wire | undefined
  /** The server as the client named it. */
  readonly authority?: string | undefined
}

/** Of a request of which nothing but its headers is known. @internal */
export const originOf = (headers: Headers, atNanos: number): Origin => ({
  atNanos,
  sent: { traceparent: headers["traceparent"], tracestate: headers["tracestate"] },
  wire: undefined
})

/** @internal */
export const of = (
  procedure: Procedure,
  { model, version = "" }: AnyRequest,
  { atNanos, authority, sent, wire }: Origin,
  parent: Tracer.AnySpan | undefined
): Arrival => ({
  protocol: "rpc",
  model,
  version,
  atNanos,
  context: spanOfHeaders(sent),
  parent,
  source: { facts: () => factsOf(procedure, wire, authority) }
})

const attributesOf = (procedure: Procedure): ArrivalFacts["attributes"] => [
  ["rpc.system.name", "effect_rpc"],
  ["rpc.method", procedure]
]

/** Where nothing is known of the connection. */
const nowhere: Readonly<Record<Procedure, ArrivalFacts>> = {
  ModelInfer: { name: "ModelInfer", attributes: attributesOf("ModelInfer") },
  ModelStreamInfer: { name: "ModelStreamInfer", attributes: attributesOf("ModelStreamInfer") }
}

const factsOf = (
  procedure: Procedure,
  wire: WireFacts.Wire | undefined,
  authority: string | undefined
): ArrivalFacts => {
  if (wire === undefined) return nowhere[procedure]
  const said = { name: procedure, version: "", authority, agent: undefined }
  return ConnectionFacts.find(wire, said) ?? ConnectionFacts.keep(wire, said, [
    ...attributesOf(procedure),
    ...WireFacts.ofWire(wire, authority)
  ])
}

/** The span that a fiber works for. @internal */
export const spanOf = ({ cache: { span, tracerEnabled } }: Fiber.Fiber<unknown, unknown>): Tracer.AnySpan | undefined =>
  !tracerEnabled || span === undefined || Context.get(span.annotations, Tracer.DisablePropagation) ? undefined : span
