/** The one way in which commands talk to a running server: address and headers from the command line, failures as sentences. */
import { Effect, Schema } from "effect"
import { Flag } from "effect/cli"
import { FetchHttpClient, type HttpClient } from "effect/http"
import * as EffectClient from "../../../client/EffectClient.ts"
import type { InferenceServerError } from "../../../client/InferenceServerError.ts"

/** What is wrong, as a sentence. @internal */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { message: Schema.String }) {}

/** What the command line says about the server. @internal */
export interface Target {
  /** Address of the server, `http://` or not. */
  readonly url: string
  /** Headers of every request, each as `name: value`. */
  readonly headers: ReadonlyArray<string>
}

/** The flags of every command that asks a server. @internal */
export const flags = {
  url: Flag.String("url").pipe(
    Flag.withDefault("http://localhost:8000"),
    Flag.withDescription("Address of the running server (default: http://localhost:8000)")
  ),
  headers: Flag.String("header").pipe(
    Flag.withMetavar("<name: value>"),
    Flag.atLeast(0),
    Flag.withDescription("Header to send, for restricted APIs (may be given several times)")
  )
} as const

const header = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:[ \t]*([\t\x20-\x7e\x80-\xff]*)$/

const fail = (message: string) => Effect.fail(new Unreadable({ message }))

const readHeaders = (texts: ReadonlyArray<string>): Effect.Effect<Record<string, string>, Unreadable> => {
  const headers: Record<string, string> = {}
  for (const text of texts) {
    const match = header.exec(text)
    if (match === null) return fail(`'${text}' is no header; --header takes "name: value".`)
    headers[match[1]!] = match[2]!.trimEnd()
  }
  return Effect.succeed(headers)
}

/** A running server, and how its failures read. @internal */
export interface RunningServer {
  /** Address as it is used, without a slash at its end. */
  readonly url: string
  /** Of every request of the client. */
  readonly headers: Readonly<Record<string, string>>
  readonly client: EffectClient.EffectClient
  /** An answer of the server; its failure is a sentence. */
  readonly ask: <A>(answer: Effect.Effect<A, InferenceServerError>) => Effect.Effect<A, Unreadable>
}

const patienceSeconds = 10

/** Asks nothing yet. @internal */
export const connect = (
  target: Target,
  elsewhere = "name another with --url"
): Effect.Effect<RunningServer, Unreadable, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const headers = yield* readHeaders(target.headers)
    const client = yield* EffectClient.make(target.url, {
      headers,
      retry: false,
      timeout: `${patienceSeconds} seconds`
    }).pipe(
      Effect.catch(({ message }) => fail(`${message}.`))
    )
    const url = (target.url.includes("://") ? target.url : `http://${target.url}`).replace(/\/+$/, "")
    return {
      url,
      headers,
      client,
      ask: (answer) => Effect.catch(answer, (error) => fail(sentence(url, error, elsewhere)))
    }
  })

const withoutStop = (text: string): string => text.trimEnd().replace(/\.$/, "")

const sentence = (url: string, error: InferenceServerError, elsewhere: string): string => {
  const { code, message, request, status } = error
  if (code === "UNREACHABLE") {
    return `No answer from ${url}${reasonOf(url, message)}. Start a server, or ${elsewhere}.`
  }
  if (code === "UNEXPECTED_ANSWER") return `What listens at ${url} is no server of KServe V2: ${withoutStop(message)}.`
  if (status === 505) {
    return `What listens at ${url} does not speak HTTP/1.1 and may be a gRPC port: name the one for HTTP, 8000 unless configured.`
  }
  if (status !== undefined) {
    // A body without a sentence of its own: the client's names the request and the status already.
    const told = message.startsWith(request)
      ? message.slice(`${request} was answered with ${status}`.length)
      : `: ${message}`
    return `The server at ${url} answered ${status} to ${request}${withoutStop(told)}.`
  }
  if (code === "DEADLINE_EXCEEDED") {
    return `The server at ${url} did not answer ${request} within ${patienceSeconds} seconds.`
  }
  return `${withoutStop(message[0]!.toUpperCase() + message.slice(1))}.`
}

const reasonOf = (url: string, message: string): string => {
  const reason = message.slice(message.indexOf(url) + url.length)
  return reason === "" ? "" : ` (${reason.replace(/^: /, "")})`
}

/** What commands ask with. @internal */
export const layer = FetchHttpClient.layer
