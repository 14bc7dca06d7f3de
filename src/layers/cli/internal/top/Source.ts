/** Where `galatea top` reads: the metrics of a running server, and what it says of its models. */
import { Clock, Effect, Result } from "effect"
import { HttpClient } from "effect/http"
import * as RunningServer from "../RunningServer.ts"
import type { Listed } from "./Activity.ts"
import * as Reading from "./Reading.ts"

/** @internal */
export interface Snapshot {
  readonly reading: Reading.Reading
  /** `undefined`: the server does not say. */
  readonly listed: ReadonlyArray<Listed> | undefined
  /** Why it does not say. */
  readonly note: string | undefined
}

/** @internal */
export interface Source {
  readonly url: string
  /** A failure is a sentence. */
  readonly read: Effect.Effect<Snapshot, RunningServer.Unreadable>
}

/** More text than that is not read. */
const maxBytes = 64 * 1024 ** 2
const patience = "10 seconds"

/** The port for metrics of the same machine. */
const defaultMetricsUrl = (url: string): string => {
  const metrics = new URL(url)
  return `http://${metrics.hostname}:8002/metrics`
}

const fail = (message: string) => new RunningServer.Unreadable({ message })

const advice =
  "Metrics are on a port of their own: name it with --metrics-url, and see that the server has no --allow-metrics=false."

/** What the innermost cause says in a word, such as `ECONNREFUSED`, or in its own. */
const innermost = (error: Error): string => {
  let words = error.message
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    words = "code" in cause && typeof cause.code === "string" ? cause.code : cause.message
  }
  return words
}

const metricsAt = (
  http: HttpClient.HttpClient,
  url: string
): Effect.Effect<Reading.Reading, RunningServer.Unreadable> =>
  Effect.gen(function*() {
    const response = yield* http.get(url, { headers: { accept: "text/plain" } })
    const bytes = new Uint8Array(yield* response.arrayBuffer)
    if (response.status !== 200) return yield* fail(`${url} answered ${response.status}. ${advice}`)
    if (bytes.length > maxBytes) {
      return yield* fail(`${url} has ${bytes.length} bytes of metrics, and ${maxBytes} are read.`)
    }
    const at = Number((yield* Clock.Clock).monotonicTimeNanosUnsafe())
    const reading = Reading.read(new TextDecoder().decode(bytes), at)
    return reading ?? (yield* fail(`${url} has no metrics of models. ${advice}`))
  }).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(fail(`${url} did not answer within ${patience}.`))
    }),
    Effect.mapError((error) =>
      error._tag === "Unreadable" ? error : fail(`No answer from ${url} (${innermost(error)}). ${advice}`)
    )
  )

/** Asks nothing yet. @internal */
export const connect = (
  target: RunningServer.Target,
  metricsUrl: string | undefined
): Effect.Effect<Source, RunningServer.Unreadable, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const http = yield* HttpClient.HttpClient
    const { ask, client, url } = yield* RunningServer.connect(target)
    const given = metricsUrl === undefined
      ? defaultMetricsUrl(url)
      : metricsUrl.includes("://")
      ? metricsUrl
      : `http://${metricsUrl}`
    if (!URL.canParse(given) || !/^https?:/i.test(given)) {
      return yield* fail(`'${given}' is no address; --metrics-url takes http://host:8002/metrics.`)
    }
    const index = Effect.map(
      ask(client.repositoryIndex()),
      (entries): ReadonlyArray<Listed> =>
        entries.map(({ name, state, version }) => ({ model: name, version, state: state ?? "not loaded" }))
    )
    const read = Effect.gen(function*() {
      const [listed, reading] = yield* Effect.all([Effect.result(index), Effect.result(metricsAt(http, given))], {
        concurrency: 2
      })
      // Where nothing answers at all, that the metrics do not either is no news.
      if (Result.isFailure(reading)) return yield* Result.isFailure(listed) ? listed.failure : reading.failure
      return {
        reading: reading.success,
        listed: Result.getOrUndefined(listed),
        note: Result.isFailure(listed) ? listed.failure.message : undefined
      }
    })
    return { url, read }
  })
