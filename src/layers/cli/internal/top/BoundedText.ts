/** Text over HTTP of which no more is read than wanted. */
import { Effect, Stream } from "effect"
import type { HttpClientError, HttpClientResponse } from "effect/http"

/** `undefined`: it is longer; what came then is dropped, and the connection with it. @internal */
export const read = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number
): Effect.Effect<string | undefined, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let bytes = 0
    let text = ""
    return response.stream.pipe(
      // One chunk beyond the bound is all that is ever held.
      Stream.takeUntil((chunk) => (bytes += chunk.length) > maxBytes),
      Stream.runForEach((chunk) =>
        Effect.sync(() => {
          if (bytes <= maxBytes) text += decoder.decode(chunk, { stream: true })
        })
      ),
      Effect.map(() => bytes > maxBytes ? undefined : text + decoder.decode()),
      Effect.catchIf((error) => error.reason._tag === "EmptyBodyError", () => Effect.succeed(""))
    )
  })
