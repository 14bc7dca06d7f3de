/** One look at metrics, wherever they are. */
import { Clock, Effect } from "effect"
import type { HttpClient } from "effect/http"
import { Unreadable } from "../RunningServer.ts"
import * as BoundedText from "./BoundedText.ts"
import * as Reading from "./Reading.ts"

/** More text than that is not read. @internal */
export const maxBytes = 64 * 1024 ** 2

/** How long one look may take. @internal */
export const patience = "10 seconds"

const fail = (message: string) => new Unreadable({ message })

const advice =
  "Metrics are on a port of their own, 8002 unless configured: give it as --metrics-url host:port, and see that the "
  + "server has no --allow-metrics=false."

const adviceFor = (status: number): string =>
  status === 401 || status === 403 ? "What is given by --header goes to --url alone." : advice

/** What the innermost cause says in a word, such as `ECONNREFUSED`, or in its own. @internal */
export const innermost = (error: Error): string => {
  let words = error.message
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    words = "code" in cause && typeof cause.code === "string" ? cause.code : cause.message
  }
  return words
}

/** A failure is a sentence. @internal */
export const scrape = (
  http: HttpClient.HttpClient,
  url: string
): Effect.Effect<Reading.Reading, Unreadable> =>
  Effect.gen(function*() {
    const response = yield* http.get(url, { headers: { accept: "text/plain" } })
    if (response.status !== 200) return yield* fail(`${url} answered ${response.status}. ${adviceFor(response.status)}`)
    const text = yield* BoundedText.read(response, maxBytes)
    if (text === undefined) {
      return yield* fail(`${url} has more than ${maxBytes} bytes of metrics, which is all that is read.`)
    }
    const at = Number((yield* Clock.Clock).monotonicTimeNanosUnsafe())
    const reading = Reading.read(text, at)
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
