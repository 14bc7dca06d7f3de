/** What a running server tells about a model, as far as an explanation needs it. Whatever goes wrong is a sentence. */
import { Effect, type Result } from "effect"
import { type RunningServer, Unreadable } from "../RunningServer.ts"
import * as Reading from "./Reading.ts"

const fail = (message: string) => new Unreadable({ message })

const understood = <A>(result: Result.Result<A, string>, url: string, model: string, what: string) =>
  Effect.mapError(
    Effect.fromResult(result),
    (reason) =>
      fail(`The server at ${url} answered with ${what} of '${model}' in a form that is not known here: ${reason}`)
  )

/** Settings of the model, which must exist. @internal */
export const settings = (
  { ask, client, url }: RunningServer,
  model: string
): Effect.Effect<Reading.Settings, Unreadable> =>
  ask(client.modelMetadata(model)).pipe(
    Effect.andThen(ask(client.modelConfig(model))),
    Effect.flatMap((json) => understood(Reading.settings(json), url, model, "a configuration"))
  )

/** What was counted of each version that is ready, at least one. @internal */
export const counts = (
  { ask, client, url }: RunningServer,
  model: string
): Effect.Effect<ReadonlyArray<Reading.Counts>, Unreadable> =>
  ask(client.statistics(model)).pipe(
    Effect.flatMap((entries) => understood(Reading.counts({ model_stats: entries }), url, model, "statistics")),
    Effect.filterOrFail(
      (versions) => versions.length > 0,
      () => fail(`The server at ${url} has no statistics of '${model}': none of its versions is ready.`)
    )
  )
