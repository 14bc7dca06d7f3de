/** What traces say of a request for inference over HTTP. Source: OpenTelemetry semantic conventions 1.45, "HTTP spans". */
import { TLSSocket } from "node:tls"
import type { Code } from "../../../../schema/Errors.ts"
import type { TraceFailure } from "../../../../schema/RequestTrace.ts"
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import * as WireFacts from "../tracing/WireFacts.ts"
import { type Captures, pathOf } from "./Router.ts"
import type { Request } from "./Wire.ts"

/** Of the request for a model, or for a version of one. @internal */
export const of = (request: Request, { version }: Captures): ArrivalFacts => {
  const { headers, httpVersion, socket, url } = request
  const route = version === "" ? "/v2/models/{model}/infer" : "/v2/models/{model}/versions/{version}/infer"
  const agent = headers["user-agent"]
  return {
    name: `POST ${route}`,
    attributes: [
      ["http.request.method", "POST"],
      ["http.route", route],
      ["url.path", pathOf(url!)],
      ["url.scheme", socket instanceof TLSSocket ? "https" : "http"],
      ["network.protocol.version", httpVersion === "2.0" ? "2" : httpVersion],
      ...WireFacts.ofWire(socket, headers.host),
      ...(agent === undefined ? [] : [["user_agent.original", agent] as const])
    ]
  }
}

const codeOf = (status: number): Code =>
  status === 501 ? "UNSUPPORTED" : status === 503 ? "UNAVAILABLE" : status < 500 ? "INVALID_ARG" : "INTERNAL"

/** Of an answer that has a status and a text, and no error of its own. @internal */
export const failureOf = (status: number, message: string): TraceFailure => ({
  code: codeOf(status),
  type: String(status),
  message
})
