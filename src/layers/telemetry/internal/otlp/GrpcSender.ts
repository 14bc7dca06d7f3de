/** OTLP by gRPC: one call for each try, over one HTTP/2 connection that is made when it is needed. */
import { Effect, type Scope } from "effect"
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2"
import type { Signal } from "../../../../services/ExportCounts.ts"
import { compressed, userAgent } from "./HttpSender.ts"
import { maxAnswerBytes, quoted, type Sender, SendFailed } from "./Sender.ts"
import type { SignalSettings } from "./SignalSettings.ts"

const paths: Readonly<Record<Signal, string>> = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
}

/** CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS. Source: OTLP 1.x, "Failures" of gRPC. */
const retryable: ReadonlySet<number> = new Set([1, 4, 10, 11, 14, 15])

/** RESOURCE_EXHAUSTED: worth another try only where the collector says when. */
const exhausted = 8

const frame = (body: Uint8Array, isCompressed: boolean): Buffer => {
  const framed = Buffer.allocUnsafe(body.byteLength + 5)
  framed[0] = isCompressed ? 1 : 0
  framed.writeUInt32BE(body.byteLength, 1)
  framed.set(body, 5)
  return framed
}

/** The message of a body with one frame; nothing where it has none, or one that is compressed. */
const unframed = (chunks: ReadonlyArray<Buffer>): Uint8Array => {
  const whole = Buffer.concat(chunks)
  return whole.length < 5 || whole[0] !== 0 ? new Uint8Array(0) : whole.subarray(5, 5 + whole.readUInt32BE(1))
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const one = (value: string | Array<string> | undefined): string => Array.isArray(value) ? value.join(", ") : value ?? ""

/** `google.rpc.RetryInfo` would say for how long; that it is there is enough, as the pauses here are short. */
const mayRetry = (code: number, trailers: IncomingHttpHeaders): boolean =>
  retryable.has(code) || (code === exhausted && one(trailers["grpc-status-details-bin"]) !== "")

/** The connection ends with the scope. @category constructors */
export const make = Effect.fnUntraced(function*(signal: Signal, settings: SignalSettings): Effect.fn.Return<
  Sender,
  never,
  Scope.Scope
> {
  const { authority, clientCertificate, clientKey } = settings.certificates
  const secrets = settings.headers.map(([, value]) => value)
  let session: ClientHttp2Session | undefined
  const open = (failed: (error: Error) => void): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) {
      session.once("error", failed)
      return session
    }
    const made = connect(settings.url.origin, {
      ...(authority === undefined ? {} : { ca: authority }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey })
    })
    // An error between two calls has nobody to go to; the next call makes another connection.
    made.on("error", () => {})
    made.once("error", failed)
    made.on("goaway", () => made.close())
    session = made
    return made
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => session?.destroy()))

  const call = (body: Uint8Array): Effect.Effect<Uint8Array, SendFailed> =>
    Effect.callback((resume) => {
      const fail = (message: string, retryable: boolean): void =>
        resume(Effect.fail(new SendFailed({ message: quoted(message, secrets), retryable })))
      const failed = (error: Error): void => fail(error.message, true)
      const connection = open(failed)
      const stream = connection.request({
        ...Object.fromEntries(settings.headers),
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: paths[signal],
        "content-type": "application/grpc",
        te: "trailers",
        "user-agent": userAgent,
        "grpc-timeout": `${Math.min(99_999_999, Math.ceil(settings.timeoutMillis))}m`,
        ...(settings.compression === "gzip" ? { "grpc-encoding": "gzip" } : {})
      })
      const chunks: Array<Buffer> = []
      let bytes = 0
      let status = 0
      let trailers: IncomingHttpHeaders = {}
      stream.on("response", (headers) => {
        status = headers[":status"] ?? 0
        // An answer without a message has everything in its only headers.
        if (headers["grpc-status"] !== undefined) trailers = headers
      })
      stream.on("trailers", (headers) => {
        trailers = headers
      })
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= maxAnswerBytes) chunks.push(chunk)
      })
      stream.on("error", failed)
      stream.on("close", () => {
        connection.off("error", failed)
        const code = one(trailers["grpc-status"])
        if (trailers["grpc-status"] === undefined) {
          if (status === 0) return fail("the connection ended before an answer", true)
          const isCut = stream.rstCode !== constants.NGHTTP2_NO_ERROR || connection.destroyed
          if (status === 200 && isCut) return fail("the answer is cut off", true)
          return fail(`it answers HTTP status ${status}, not gRPC`, status === 429 || status >= 502)
        }
        // Who answers like that may have taken everything: by gRPC's rules it is UNKNOWN, which is not tried again.
        if (!/^\d+$/.test(code)) return fail(`it answers '${code}', which is no gRPC status`, false)
        if (Number(code) === 0) {
          return resume(Effect.succeed(bytes > maxAnswerBytes ? new Uint8Array(0) : unframed(chunks)))
        }
        const said = decoded(one(trailers["grpc-message"]))
        return fail(
          `it answers gRPC status ${code}${said === "" ? "" : ` (${said})`}`,
          mayRetry(Number(code), trailers)
        )
      })
      stream.end(frame(body, settings.compression === "gzip"))
      return Effect.sync(() => {
        connection.off("error", failed)
        stream.close(constants.NGHTTP2_CANCEL)
        // Nobody may be at the other end any more, which no error would ever tell: the next call makes another connection.
        if (session === connection) session = undefined
        connection.destroy()
      })
    })
  return {
    send: settings.compression === "gzip" ? (body) => Effect.flatMap(compressed(body), call) : call
  }
})
