/** The console: a page, its files, and what it shows. This server's own. */
import {
  type ConsoleAnswer,
  type ConsolePart,
  consoleParts,
  type RestrictedPart
} from "../../../../../schema/ConsoleState.ts"
import type { AutoBool, RestrictedCategory } from "../../../../../schema/options/ValueTypes.ts"
import type { ConsoleSource } from "../../../../../services/Console.ts"
import type { HeaderRecord, Restrictions } from "../../Restrictions.ts"
import type { Call } from "../Call.ts"
import { isAllowed } from "../ConsoleAccess.ts"
import { authorityOf, type Handler, type Route } from "../Router.ts"

/** The restricted API that each part belongs to. */
const categories: Readonly<Record<ConsolePart, RestrictedCategory>> = {
  server: "metadata",
  models: "model-repository",
  figures: "statistics",
  flows: "trace"
}

/** Nothing but the page's own files, no other origin, no frame around it. */
const always = [
  "Content-Security-Policy",
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "X-Content-Type-Options",
  "nosniff",
  "X-Frame-Options",
  "DENY",
  "Referrer-Policy",
  "no-referrer",
  "Cross-Origin-Opener-Policy",
  "same-origin",
  "Cross-Origin-Resource-Policy",
  "same-origin",
  "Cache-Control",
  "no-store"
]

/** @internal */
export interface Options {
  readonly source: ConsoleSource
  readonly access: AutoBool
  readonly restrictions: Restrictions<HeaderRecord>
}

/** @internal */
export const routes = ({ access, restrictions, source }: Options): ReadonlyArray<Route> => {
  const own = (handler: Handler): Handler => (call) => {
    // Whatever other pages may ask of this server: the console is none of it.
    call.always = always
    handler(call)
  }
  const route = (path: string, handler: Handler): Route => ({
    path,
    category: undefined,
    contentType: "text/plain",
    isHidden: (request) =>
      !isAllowed(access, {
        peer: request.socket.remoteAddress,
        authority: authorityOf(request.url!),
        hosts: request.headersDistinct["host"] ?? [],
        headers: request.headers
      }),
    get: own(handler)
  })
  return [
    ...source.files.map(({ content, name, type }) =>
      route(
        name === "" ? "/v2/console" : `/v2/console/${name}`,
        (call) => call.answerWith(content, (bytes) => call.raw(200, type, bytes))
      )
    ),
    route("/v2/console/", (call) => call.redirect("../console")),
    route("/v2/console/state", (call) => answerState(call, source, restrictions))
  ]
}

const answerState = (call: Call, source: ConsoleSource, restrictions: Restrictions<HeaderRecord>): void => {
  const parts = new Set<ConsolePart>()
  const restricted: Array<RestrictedPart> = []
  for (const part of consoleParts) {
    const header = restrictions.missing(categories[part], call.request.headers)
    if (header === undefined) parts.add(part)
    else restricted.push({ part, header })
  }
  const inference = restrictions.missing("inference", call.request.headers)
  if (inference !== undefined) restricted.push({ part: "inference", header: inference })
  const afterFlow = Number(/[?&]after=(\d{1,15})(?:&|$)/.exec(call.request.url!)?.[1] ?? 0)
  call.answerWith(source.state({ parts, afterFlow }), (state) => {
    const answer: ConsoleAnswer = { ...state, restricted }
    call.text("application/json", JSON.stringify(answer))
  })
}
