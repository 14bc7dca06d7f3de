/** The console: a page, its files, and what it shows. This server's own. */
import {
  type ConsoleAnswer,
  type ConsolePart,
  consoleParts,
  type RestrictedPart
} from "../../../../../schema/ConsoleState.ts"
import * as Operations from "../../../../../schema/Operations.ts"
import type { AutoBool, RestrictedCategory } from "../../../../../schema/options/ValueTypes.ts"
import type { AccessState } from "../../../../../services/Access.ts"
import type { ConsoleSource } from "../../../../../services/Console.ts"
import * as Guard from "../../Guard.ts"
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
  /** Who may open it. */
  readonly opens: AutoBool
  readonly restrictions: Restrictions<HeaderRecord>
  readonly access: AccessState | undefined
}

/** What an API key must be allowed for each part, and for requests of the page's own: of all models, where it shows them. */
const operations: Readonly<
  Record<ConsolePart | "inference", readonly [Operations.Operation, model: string | undefined]>
> = {
  server: [Operations.ofRoute("GET", "/v2"), undefined],
  models: [Operations.ofRoute("POST", "/v2/repository[/{repository}]/index"), ""],
  figures: [Operations.ofRoute("GET", "/v2/models/stats"), ""],
  flows: [Operations.ofRoute("GET", "/v2/trace/setting"), ""],
  inference: [Operations.ofProcedure("ModelInfer"), undefined]
}

/** The header by which the page can send a key. */
const keyHeader = "x-api-key"

/** @internal */
export const routes = (options: Options): ReadonlyArray<Route> => {
  const { opens, source } = options
  const own = (handler: Handler): Handler => (call) => {
    // Whatever other pages may ask of this server: the console is none of it.
    call.always = always
    handler(call)
  }
  const route = (path: string, handler: Handler): Route => ({
    path,
    ...(path.startsWith("/v2/console/") && path.includes(".") ? { operation: "/v2/console/{file}" } : {}),
    category: undefined,
    contentType: "text/plain",
    isHidden: (request) =>
      !isAllowed(opens, {
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
    route("/v2/console/state", (call) => answerState(call, options))
  ]
}

/** The header that a request lacks, or that holds a wrong or a lesser key, for a part. */
const lacks = (call: Call, { access, restrictions }: Options, part: ConsolePart | "inference"): string | undefined => {
  const category = part === "inference" ? part : categories[part]
  const header = restrictions.missing(category, call.request.headers)
  if (header !== undefined || access === undefined) return header
  const [operation, model] = operations[part]
  const asker = Guard.askerOf(call.request.headers, call.request.socket.remoteAddress)
  return access.identify(operation, asker, model)._tag === "Refused" ? keyHeader : undefined
}

const answerState = (call: Call, options: Options): void => {
  const { source } = options
  const parts = new Set<ConsolePart>()
  const restricted: Array<RestrictedPart> = []
  for (const part of consoleParts) {
    const header = lacks(call, options, part)
    if (header === undefined) parts.add(part)
    else restricted.push({ part, header })
  }
  const inference = lacks(call, options, "inference")
  if (inference !== undefined) restricted.push({ part: "inference", header: inference })
  const afterFlow = Number(/[?&]after=(\d{1,15})(?:&|$)/.exec(call.request.url!)?.[1] ?? 0)
  call.answerWith(source.state({ parts, afterFlow }), (state) => {
    const answer: ConsoleAnswer = { ...state, restricted }
    call.text("application/json", JSON.stringify(answer))
  })
}
