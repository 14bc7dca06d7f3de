/** What a server tells of its metrics. Triton tells nothing. */
import { Effect, Option, Schema } from "effect"
import type { HttpClient } from "effect/http"
import { MetricsPlace } from "../../../../schema/MetricsPlace.ts"
import { type RunningServer, Unreadable } from "../RunningServer.ts"
import * as BoundedText from "./BoundedText.ts"
import * as Scrape from "./Scrape.ts"

const maxBytes = 4096

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(MetricsPlace))

/** `undefined`: it answers, but does not tell. Fails where nobody answers. @internal */
export const ask = (
  http: HttpClient.HttpClient,
  { headers, url }: RunningServer
): Effect.Effect<MetricsPlace | undefined, Unreadable> =>
  Effect.gen(function*() {
    const response = yield* http.get(`${url}/v2/metrics/place`, { headers })
    const text = yield* BoundedText.read(response, maxBytes)
    return response.status === 200 && text !== undefined ? Option.getOrUndefined(decode(text)) : undefined
  }).pipe(
    Effect.timeoutOrElse({
      duration: Scrape.patience,
      orElse: () => Effect.fail(new Unreadable({ message: `${url} did not answer within ${Scrape.patience}.` }))
    }),
    Effect.mapError((error) =>
      error._tag === "Unreadable"
        ? error
        : new Unreadable({ message: `No answer from ${url} (${Scrape.innermost(error)}).` })
    )
  )
