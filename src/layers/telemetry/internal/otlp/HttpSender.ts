/** OTLP by HTTP: one POST for each try, over connections that are kept. */
import { Clock, Effect, type Scope } from "effect"
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http"
import { Agent as HttpsAgent, request as httpsRequest } from "node:https"
import { gzip } from "node:zlib"
import * as Version from "../../../Version.ts"
import * as CollectorAnswer from "./CollectorAnswer.ts"
import { maxAnswerBytes, quoted, type Sender, SendFailed } from "./Sender.ts"
import type { SignalSettings } from "./SignalSettings.ts"

/** Name and version of this exporter, as the collector is told. @category constants */
export const userAgent = `galatea-otlp-exporter/${Version.current}`

/** More at once is never needed, and a collector that hangs must not gather connections. */
const maxSockets = 4

const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Seconds or a date; anything else, and a date that is past, asks for nothing. */
const retryAfter = (header: string | undefined, clock: Clock.Clock): number | undefined => {
  if (header === undefined) return undefined
  if (/^\d+$/.test(header)) return Math.min(Number(header) * 1000, Number.MAX_SAFE_INTEGER)
  const millis = /^[A-Z]/i.test(header) ? Date.parse(header) - clock.currentTimeMillisUnsafe() : 0
  return millis > 0 ? millis : undefined
}

/** @category compression */
export const compressed = (body: Uint8Array): Effect.Effect<Uint8Array, SendFailed> =>
  Effect.callback((resume) => {
    gzip(body, (error, result) => {
      resume(
        error === null
          ? Effect.succeed(result)
          : Effect.fail(new SendFailed({ message: `cannot be compressed: ${error.message}`, retryable: false }))
      )
    })
  })

const answer = (
  response: IncomingMessage,
  secrets: ReadonlyArray<string>,
  clock: Clock.Clock,
  done: (result: Effect.Effect<Uint8Array, SendFailed>) => void
): void => {
  const status = response.statusCode ?? 0
  const chunks: Array<Buffer> = []
  let bytes = 0
  const finish = (): void => {
    const body = bytes > maxAnswerBytes ? new Uint8Array(0) : Buffer.concat(chunks)
    if (status >= 200 && status < 300) return done(Effect.succeed(body))
    const text = quoted(CollectorAnswer.errorText(body, response.headers["content-type"] ?? ""), secrets)
    done(Effect.fail(
      new SendFailed({
        message: `it answers ${status} ${response.statusMessage ?? ""}`.trimEnd() + (text === "" ? "" : ` (${text})`),
        retryable: retryable.has(status),
        retryAfterMillis: retryAfter(response.headers["retry-after"], clock)
      })
    ))
  }
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxAnswerBytes) return chunks.push(chunk)
    finish()
    return response.destroy()
  })
  response.on("end", finish)
  response.on("error", () => {
    if (status < 200 || status >= 300) return finish()
    return done(Effect.fail(new SendFailed({ message: "the answer is cut off", retryable: true })))
  })
}

/** The connections end with the scope. @category constructors */
export const make = Effect.fnUntraced(function*(settings: SignalSettings): Effect.fn.Return<
  Sender,
  never,
  Scope.Scope
> {
  const { authority, clientCertificate, clientKey } = settings.certificates
  const secure = settings.url.protocol === "https:"
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() =>
      secure
        ? new HttpsAgent({
          keepAlive: true,
          maxSockets,
          ...(authority === undefined ? {} : { ca: authority }),
          ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
          ...(clientKey === undefined ? {} : { key: clientKey })
        })
        : new HttpAgent({ keepAlive: true, maxSockets })
    ),
    (agent) => Effect.sync(() => agent.destroy())
  )
  const clock = yield* Clock.Clock
  const secrets = settings.headers.map(([, value]) => value)
  const headers = {
    "user-agent": userAgent,
    ...Object.fromEntries(settings.headers),
    "content-type": settings.protocol === "http/json" ? "application/json" : "application/x-protobuf",
    ...(settings.compression === "gzip" ? { "content-encoding": "gzip" } : {})
  }
  const post = (body: Uint8Array): Effect.Effect<Uint8Array, SendFailed> =>
    Effect.callback((resume) => {
      const request = (secure ? httpsRequest : httpRequest)(
        settings.url,
        { method: "POST", agent, headers: { ...headers, "content-length": body.byteLength } },
        (response) =>
          answer(response, secrets, clock, (result) => {
            // It has answered before it had everything: what it has not got is of no use to it, and the body is free.
            if (!request.writableFinished) request.destroy()
            resume(result)
          })
      )
      request.on("error", (error) => {
        resume(Effect.fail(new SendFailed({ message: quoted(error.message, secrets), retryable: true })))
      })
      request.end(body)
      return Effect.sync(() => request.destroy())
    })
  return {
    send: settings.compression === "gzip" ? (body) => Effect.flatMap(compressed(body), post) : post
  }
})
