/** Sends the requests of one signal to a collector, with further tries where they help. */
import { Clock, Effect, type Latch, Option, Random, type Scope } from "effect"
import * as CollectorAnswer from "./CollectorAnswer.ts"
import * as GrpcSender from "./GrpcSender.ts"
import * as HttpSender from "./HttpSender.ts"
import { place, quoted, type Sender, SendFailed } from "./Sender.ts"
import type { Writing } from "./Serializer.ts"
import type { SignalBook } from "./SignalBook.ts"
import type { SignalSettings } from "./SignalSettings.ts"

/** @category models */
export interface Transport<Request> {
  /**
   * Sends one request, and tries again until the time for one export is over. It never fails: what becomes of the request is
   * counted in the signal's book, and told to the log now and then. Interruption ends it, and counts it as failed.
   */
  readonly send: (request: Request) => Effect.Effect<void>
}

const firstDelayMillis = 1000
const maxDelayMillis = 5000
const growth = 1.5
/** Delays are so much longer or shorter by chance, that many servers do not come back at the same moment. */
const jitter = 0.2

/** Tries until it succeeds, until a failure that will stay, or until there is no time for another try. */
const withRetries = (
  sender: Sender,
  body: Uint8Array,
  timeoutMillis: number,
  leaving: Latch.Latch
): Effect.Effect<Uint8Array, SendFailed> =>
  Effect.gen(function*() {
    const deadline = (yield* Clock.currentTimeMillis) + timeoutMillis
    let delay = firstDelayMillis
    let last = new SendFailed({ message: `no answer within ${timeoutMillis} ms`, retryable: true })
    while (true) {
      const left = deadline - (yield* Clock.currentTimeMillis)
      const answer = yield* Effect.result(Effect.timeoutOption(sender.send(body), Math.max(0, left)))
      if (answer._tag === "Success") {
        if (Option.isSome(answer.success)) return answer.success.value
        return yield* last
      }
      last = answer.failure
      // What the collector asks for makes the pause longer, never shorter: it may ask for none, again and again.
      const pause = Math.max(last.retryAfterMillis ?? 0, delay * (1 + (yield* Random.nextBetween(-jitter, jitter))))
      if (!last.retryable || (yield* Clock.currentTimeMillis) + pause >= deadline) return yield* last
      if (Option.isSome(yield* Effect.timeoutOption(leaving.await, pause))) return yield* last
      delay = Math.min(delay * growth, maxDelayMillis)
    }
  })

/** Sends by this sender. @category constructors */
export const over = <Request>(
  sender: Sender,
  settings: SignalSettings,
  writing: Writing<Request>,
  book: SignalBook
): Transport<Request> => {
  const json = settings.protocol === "http/json"
  const there = place(settings.url)
  const secrets = settings.headers.map(([, value]) => value)
  const read = json ? CollectorAnswer.ofJson : CollectorAnswer.ofProtobuf
  return {
    send: (request) => {
      const items = writing.items(request)
      return Effect.suspend(() => {
        const body = writing.write(request)
        return Effect.tap(
          withRetries(sender, body, settings.timeoutMillis, book.leaving),
          Effect.sync(() => writing.sent?.(body))
        )
      })
        .pipe(
          Effect.matchEffect({
            onFailure: ({ message }) => book.gaveUp(items, there, message),
            onSuccess: (body) => {
              const partial = read(body)
              return book.succeeded(
                items,
                Math.min(items, partial?.rejected ?? 0),
                there,
                quoted(partial?.message ?? "", secrets)
              )
            }
          }),
          Effect.catchDefect((defect) => book.gaveUp(items, there, `a bug: ${String(defect)}`)),
          Effect.onInterrupt(() => book.gaveUp(items, there, "there was no time left to send them"))
        )
    }
  }
}

/** Sends by what `settings` say, until the scope closes. @category constructors */
export const make = Effect.fnUntraced(function*<Request>(
  settings: SignalSettings,
  writing: Writing<Request>,
  book: SignalBook
): Effect.fn.Return<Transport<Request>, never, Scope.Scope> {
  const sender = yield* settings.protocol === "grpc"
    ? GrpcSender.make(book.signal, settings)
    : HttpSender.make(settings)
  return over(sender, settings, writing, book)
})
