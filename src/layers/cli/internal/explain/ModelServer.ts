/** Asks a running server about a model. Whatever goes wrong is a sentence. */
import { Effect, type Result, Schema } from "effect"
import { HttpClient } from "effect/http"
import * as Reading from "./Reading.ts"

/** What is wrong, as a sentence. @internal */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { message: Schema.String }) {}

/** @internal */
export interface Target {
  /** Address of the server, without a slash at its end. */
  readonly url: string
  readonly model: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
}

/** An address as a user types it: `http://` may be left out. @internal */
export const address = (text: string): string | undefined => {
  const url = text.includes("://") ? text : `http://${text}`
  return URL.canParse(url) && /^https?:/.test(url) ? url.replace(/\/+$/, "") : undefined
}

const patience = "10 seconds"

const fail = (message: string) => new Unreadable({ message })

/** The JSON that a route of the model answers; `""`: the metadata. */
const get = (
  { headers, model, url }: Target,
  route: "" | "/stats" | "/config"
): Effect.Effect<unknown, Unreadable, HttpClient.HttpClient> => {
  const path = `/v2/models/${encodeURIComponent(model)}${route}`
  return HttpClient.get(`${url}${path}`, { headers }).pipe(
    Effect.flatMap((response) => Effect.map(response.text, (text) => ({ status: response.status, text }))),
    Effect.mapError((error) =>
      fail(`No server answers at ${url}${reasonOf(error.reason)}. Start one, or name another with --url.`)
    ),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(fail(`The server at ${url} did not answer GET ${path} within ${patience}.`))
    }),
    Effect.flatMap(({ status, text }) => {
      const json = parse(text)
      if (status !== 200) {
        return Effect.fail(fail(`The server at ${url} answered ${status} to GET ${path}${errorOf(json)}.`))
      }
      return json === undefined
        ? Effect.fail(fail(`What listens at ${url} answered GET ${path} with something that is no JSON.`))
        : Effect.succeed(json)
    })
  )
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The code of the innermost cause, such as `ECONNREFUSED`. */
const reasonOf = (error: unknown): string => {
  let code: string | undefined
  for (
    let cause = error;
    cause !== null && typeof cause === "object";
    cause = "cause" in cause ? cause.cause : undefined
  ) {
    if ("code" in cause && typeof cause.code === "string") code = cause.code
  }
  return code === undefined ? "" : ` (${code})`
}

const errorOf = (json: unknown): string =>
  json !== null && typeof json === "object" && "error" in json && typeof json.error === "string"
    ? `: ${json.error.trimEnd().replace(/\.$/, "")}`
    : ""

const understood = <A>(result: Result.Result<A, string>, { model, url }: Target, what: string) =>
  Effect.mapError(
    Effect.fromResult(result),
    (reason) =>
      fail(`The server at ${url} answered with ${what} of '${model}' in a form that is not known here: ${reason}`)
  )

/** Settings of the model, which must exist. @internal */
export const settings = (target: Target): Effect.Effect<Reading.Settings, Unreadable, HttpClient.HttpClient> =>
  get(target, "").pipe(
    Effect.andThen(get(target, "/config")),
    Effect.flatMap((json) => understood(Reading.settings(json), target, "a configuration"))
  )

/** What was counted of each version that is ready, at least one. @internal */
export const counts = (
  target: Target
): Effect.Effect<ReadonlyArray<Reading.Counts>, Unreadable, HttpClient.HttpClient> =>
  get(target, "/stats").pipe(
    Effect.flatMap((json) => understood(Reading.counts(json), target, "statistics")),
    Effect.filterOrFail(
      (versions) => versions.length > 0,
      () => fail(`The server at ${target.url} has no statistics of '${target.model}': none of its versions is ready.`)
    )
  )
