/** What traces say of a request for inference over gRPC. Source: OpenTelemetry semantic conventions 1.45, "RPC spans", "gRPC". */
import type { Code } from "../../../../schema/Errors.ts"
import type { TraceContext as Context, TraceFailure } from "../../../../schema/RequestTrace.ts"
import * as TraceContext from "../../../../schema/TraceContext.ts"
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import * as ConnectionFacts from "../tracing/ConnectionFacts.ts"
import * as WireFacts from "../tracing/WireFacts.ts"
import type { Metadata } from "./Metadata.ts"
import { Status } from "./Status.ts"

/** Of a call by its path, `/package.Service/Method`. @internal */
export const of = (path: string, authority: string | undefined, wire: WireFacts.Wire): ArrivalFacts => {
  const method = path.slice(1)
  const said = { name: method, version: "2", authority, agent: undefined }
  return ConnectionFacts.find(wire, said) ?? ConnectionFacts.keep(wire, said, [
    ["rpc.system.name", "grpc"],
    ["rpc.method", method],
    ["network.protocol.name", "http"],
    ["network.protocol.version", "2"],
    ...WireFacts.ofWire(wire, authority)
  ])
}

/** The span of the client, where it sent a valid one. @internal */
export const contextOf = (metadata: Metadata): Context | undefined => {
  const traceparent = metadata.get("traceparent")
  return traceparent === undefined ? undefined : TraceContext.parse(traceparent, metadata.get("tracestate"))
}

const byStatus: Readonly<Record<number, readonly [type: string, code: Code]>> = {
  [Status.cancelled]: ["Cancelled", "CANCELLED"],
  [Status.deadlineExceeded]: ["DeadlineExceeded", "DEADLINE_EXCEEDED"],
  [Status.resourceExhausted]: ["ResourceExhausted", "INVALID_ARG"],
  [Status.unimplemented]: ["Unsupported", "UNSUPPORTED"],
  [Status.internal]: ["MalformedRequest", "INTERNAL"],
  [Status.unavailable]: ["Overloaded", "UNAVAILABLE"]
}

/** Of an answer that has a status and a text, and no error of its own. @internal */
export const failureOf = (status: number, message: string): TraceFailure => {
  const [type, code] = byStatus[status] ?? [String(status), "UNKNOWN"]
  return { code, type, message }
}
