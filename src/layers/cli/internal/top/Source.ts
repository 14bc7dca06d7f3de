/**
 * Where `galatea top` reads: the metrics of a running server, and what it says of its models.
 *
 * They come from two ports, on which two servers may listen. This server tells by HTTP where its metrics are and when its process
 * started, which its metrics say too: figures of another one are never taken for its own.
 */
import { Effect, Result } from "effect"
import { HttpClient } from "effect/http"
import type { MetricsPlace } from "../../../../schema/MetricsPlace.ts"
import * as RunningServer from "../RunningServer.ts"
import type { Listed } from "./Activity.ts"
import * as MetricsUrl from "./MetricsUrl.ts"
import type * as Reading from "./Reading.ts"
import * as Scrape from "./Scrape.ts"
import * as Told from "./Told.ts"

/** @internal */
export interface Snapshot {
  readonly reading: Reading.Reading
  /** Address of the metrics, where it is not certain that they are of the same server. */
  readonly doubtful: string | undefined
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

const fail = (message: string) => new RunningServer.Unreadable({ message })

const othersMetrics = (url: string, metricsUrl: string, { port }: MetricsPlace): string => {
  if (port === undefined) {
    return `The metrics at ${metricsUrl} are of another server: the one at ${url} has none, see its --allow-metrics.`
  }
  const reached = "host:port by which that port is to be reached from here"
  return `The metrics at ${metricsUrl} are of another server than ${url}, which has its own on port ${port}. ${
    metricsUrl === MetricsUrl.beside(url, port)
      ? `Give --metrics-url the ${reached}.`
      : `Leave --metrics-url out, or give it the ${reached}.`
  }`
}

interface Index {
  readonly listed: ReadonlyArray<Listed> | undefined
  readonly note: string | undefined
  /** What answered is a server of models. */
  readonly isServer: boolean
}

/** Asks nothing yet. @internal */
export const connect = (
  target: RunningServer.Target,
  metricsUrl: string | undefined
): Effect.Effect<Source, RunningServer.Unreadable, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const http = yield* HttpClient.HttpClient
    const server = yield* RunningServer.connect(target)
    const { ask, client, url } = server
    const given = metricsUrl === undefined
      ? undefined
      : yield* Effect.mapError(Effect.fromResult(MetricsUrl.read(metricsUrl)), fail)

    const index: Effect.Effect<Index> = Effect.matchEffect(client.repositoryIndex(), {
      onSuccess: (entries) =>
        Effect.succeed({
          listed: entries.map(({ name, state, version }) => ({ model: name, version, state: state ?? "not loaded" })),
          note: undefined,
          isServer: true
        }),
      onFailure: (error) =>
        Effect.map(Effect.flip(ask(Effect.fail(error))), ({ message }) => ({
          listed: undefined,
          note: message,
          // Anything may answer with something else.
          isServer: error.status === 401 || error.status === 403
        }))
    })

    const place = (told: MetricsPlace | undefined): Effect.Effect<string, RunningServer.Unreadable> => {
      if (given !== undefined) return Effect.succeed(given)
      return told !== undefined && told.port === undefined
        ? Effect.fail(fail(`The server at ${url} has no metrics, see its --allow-metrics.`))
        : Effect.succeed(MetricsUrl.beside(url, told?.port))
    }

    const read = Effect.gen(function*() {
      const [{ isServer, listed, note }, answer] = yield* Effect.all([index, Effect.result(Told.ask(http, server))], {
        concurrency: 2
      })
      if (Result.isFailure(answer)) return yield* note === undefined ? answer.failure : fail(note)
      const told = answer.success
      if (told === undefined && !isServer && note !== undefined) return yield* fail(note)
      const from = yield* place(told)
      const reading = yield* Scrape.scrape(http, from)
      const { startSeconds } = reading
      if (told !== undefined && startSeconds !== undefined && startSeconds !== told.processStartSeconds) {
        return yield* fail(othersMetrics(url, from, told))
      }
      const isCertain = told !== undefined && startSeconds !== undefined
      return { reading, doubtful: isCertain ? undefined : from, listed, note }
    })
    return { url, read }
  })
