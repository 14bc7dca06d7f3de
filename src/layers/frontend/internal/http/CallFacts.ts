/** What traces say of a request for inference over HTTP. Source: OpenTelemetry semantic conventions 1.45, "HTTP spans". */
import { TLSSocket } from "node:tls"
import type { Code } from "../../../../schema/Errors.ts"
import type { TraceFailure } from "../../../../schema/RequestTrace.ts"
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import * as ConnectionFacts from "../tracing/ConnectionFacts.ts"
import * as WireFacts from "../tracing/WireFacts.ts"
import { type Captures, pathOf } from "./Router.ts"
import type { Request } from "./Wire.ts"

interface Route {
  readonly name: string
  readonly route: string
}

const routed = (route: string): Route => ({ name: `POST ${route}`, route })

const ofModel = routed("/v2/models/{model}/infer")
const ofVersion = routed("/v2/models/{model}/versions/{version}/infer")

/** Of the request for a model, or for a version of one. @internal */
export const of = (request: Request, { version }: Captures): ArrivalFacts => {
  const { headers, httpVersion, socket, url } = request
  const { name, route } = version === "" ? ofModel : ofVersion
  const agent = headers["user-agent"]
  const said = { name, version: httpVersion, authority: headers.host, agent }
  const { attributes } = ConnectionFacts.find(socket, said) ?? ConnectionFacts.keep(socket, said, [
    ["http.request.method", "POST"],
    ["http.route", route],
    ["url.scheme", socket instanceof TLSSocket ? "https" : "http"],
    ["network.protocol.version", httpVersion === "2.0" ? "2" : httpVersion],
    ...WireFacts.ofWire(socket, headers.host),
    ...(agent === undefined ? [] : [["user_agent.original", agent] as const])
  ])
  return { name, attributes, path: pathOf(url!) }
}

const codeOf = (status: number): Code =>
  status === 501 ? "UNSUPPORTED" : status === 503 ? "UNAVAILABLE" : status < 500 ? "INVALID_ARG" : "INTERNAL"

/** Of an answer that has a status and a text, and no error of its own. @internal */
export const failureOf = (status: number, message: string): TraceFailure => ({
  code: codeOf(status),
  type: String(status),
  message
})
