/** A client of HTTP/2 for tests, of node, with its streams laid open. */
import { Effect, type Scope } from "effect"
import type * as Http2 from "node:http2"
import { connect } from "node:http2"

export interface StreamAnswer {
  /** `0`: the stream ended without an answer. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly text: string
  /** With which code of HTTP/2 the stream ended. */
  readonly code: number
}

/** A request whose body is still to come. */
export interface Begun {
  readonly stream: Http2.ClientHttp2Stream
  readonly answer: Effect.Effect<StreamAnswer>
}

export interface StreamClient {
  readonly session: Http2.ClientHttp2Session
  readonly begin: (fields: Http2.OutgoingHttpHeaders, endStream?: boolean) => Begun
  readonly ask: (
    path: string,
    options?: {
      readonly method?: string
      readonly headers?: Http2.OutgoingHttpHeaders
      readonly body?: string | Uint8Array
    }
  ) => Effect.Effect<StreamAnswer>
}

const answerOf = (stream: Http2.ClientHttp2Stream): Effect.Effect<StreamAnswer> => {
  const chunks: Array<Buffer> = []
  let headers: Readonly<Record<string, string>> = {}
  let closed = false
  let wake = (): void => {}
  stream.on("response", (got) => {
    headers = Object.fromEntries(Object.entries(got).map(([name, value]) => [name, String(value)]))
  })
  stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  stream.on("error", () => {})
  stream.on("close", () => {
    closed = true
    wake()
  })
  return Effect.callback((resume) => {
    wake = () => {
      const body = Buffer.concat(chunks)
      const status = Number(headers[":status"] ?? 0)
      resume(Effect.succeed({ status, headers, body, text: body.toString(), code: stream.rstCode ?? 0 }))
    }
    if (closed) wake()
  })
}

/** Closed with the scope. */
export const client = (
  origin: string,
  options: Http2.SecureClientSessionOptions = {}
): Effect.Effect<StreamClient, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => connect(origin, options)),
      (session) => Effect.sync(() => session.destroy())
    ),
    (session): StreamClient => {
      session.on("error", () => {})
      const begin: StreamClient["begin"] = (fields, endStream = false) => {
        const stream = session.request(fields, { endStream })
        return { stream, answer: answerOf(stream) }
      }
      return {
        session,
        begin,
        ask: (path, { body, headers = {}, method = body === undefined ? "GET" : "POST" } = {}) =>
          Effect.suspend(() => {
            const lower = Object.fromEntries(
              Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
            )
            const { answer, stream } = begin({ ":method": method, ":path": path, ...lower }, body === undefined)
            if (body !== undefined) stream.end(body)
            return answer
          })
      }
    }
  )
