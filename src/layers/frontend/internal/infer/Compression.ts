/**
 * Compressed bodies of requests and answers.
 *
 * Source: protocol.md 4.3, 2.8, 0.
 */
import { Effect, Result } from "effect"
import * as Zlib from "node:zlib"
import { InvalidRequest, Unsupported } from "../../../../schema/Errors.ts"

/** @category models */
export type ContentCoding = "gzip" | "deflate"

/** Value of the header `Accept-Encoding` of an answer that refuses a coding. @category models */
export const accepted = "gzip, deflate"

/** Bodies up to this many bytes are (de)compressed at once: handing them to another thread costs more. */
const atOnce = 8 * 1024
/** Most bytes that a body may become at once; where it becomes more, it starts over on another thread. */
const atOnceOutput = 256 * 1024

/**
 * The coding of an answer to a request with this `Accept-Encoding`: of `identity`, `gzip` and `deflate` the one of highest weight, the
 * first of equals. `undefined`: not compressed.
 *
 * @category decoding
 */
export const negotiate = (acceptEncoding: string | undefined): ContentCoding | undefined => {
  if (acceptEncoding === undefined || acceptEncoding === "") return undefined
  let best: ContentCoding | undefined = undefined
  let highest = 0
  for (const entry of acceptEncoding.split(",", 64)) {
    const [coding = "", ...parameters] = entry.split(";")
    const name = coding.trim()
    if (name !== "gzip" && name !== "deflate" && name !== "identity") continue
    const weight = parameters.map((parameter) => /^\s*q\s*=\s*(\d*\.?\d+|\d+\.)\s*$/.exec(parameter)?.[1])
      .find((value) => value !== undefined)
    const value = weight === undefined ? parameters.length === 0 ? 1 : 0 : Number(weight)
    if (value > highest) {
      highest = value
      best = name === "identity" ? undefined : name
    }
  }
  return best
}

/**
 * Whether a body with this `Content-Encoding` is compressed. Fails with `Unsupported` (501) for any other coding; the answer then
 * carries {@link accepted}.
 *
 * @category decoding
 */
export const isCompressed = (contentEncoding: string | undefined): Result.Result<boolean, Unsupported> => {
  switch (contentEncoding) {
    case undefined:
    case "":
    case "identity":
      return Result.succeed(false)
    case "gzip":
    case "deflate":
      return Result.succeed(true)
    default:
      return Result.fail(new Unsupported({ message: "Unsupported compression type" }))
  }
}

const tooLarge = (limit: number): InvalidRequest =>
  new InvalidRequest({
    message: `Decompressed data size exceeds the maximum allowed value of ${limit} bytes. ` +
      "Use --http-max-input-size to increase the limit."
  })

const failureOf = (cause: Error, limit: number): InvalidRequest => {
  const { code } = cause as NodeJS.ErrnoException
  if (code === "ERR_BUFFER_TOO_LARGE") return tooLarge(limit)
  const reason = code === "Z_BUF_ERROR" ? "the data ends too early" : cause.message
  return new InvalidRequest({
    message: `failed to decompress the request body: ${reason}. Send one complete gzip member or zlib stream.`
  })
}

interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

const options = (limit: number): Zlib.ZlibOptions => ({
  info: true,
  // Output is refused as soon as it passes the limit, so nothing much larger than that is ever made.
  maxOutputLength: Math.max(limit, 1),
  chunkSize: 64 * 1024
})

const complete = (inflated: Inflated, body: Uint8Array, limit: number): Effect.Effect<Uint8Array, InvalidRequest> => {
  const surplus = body.length - inflated.engine.bytesWritten
  if (surplus > 0) {
    return Effect.fail(
      new InvalidRequest({
        message: `failed to decompress the request body: ${surplus} bytes follow the end of the compressed data`
      })
    )
  }
  return inflated.buffer.length > limit ? Effect.fail(tooLarge(limit)) : Effect.succeed(inflated.buffer)
}

const inflateLarge = (body: Uint8Array, limit: number): Effect.Effect<Uint8Array, InvalidRequest> =>
  Effect.callback<Inflated, InvalidRequest>((resume) => {
    Zlib.unzip(body, options(limit), (cause, inflated) => {
      resume(
        cause === null ? Effect.succeed(inflated as unknown as Inflated) : Effect.fail(failureOf(cause, limit))
      )
    })
  }).pipe(Effect.flatMap((inflated) => complete(inflated, body, limit)))

/**
 * The contents of a compressed body. Whether it is gzip or zlib is told from its first bytes, whatever the label said.
 *
 * Stops as soon as more than `limit` bytes come out. Fails with `InvalidRequest` (400) for that, for an empty body, for data that is corrupt or
 * cut off, and for bytes behind the end. `body` is borrowed until the effect completes; interruption drops the result of the other thread.
 *
 * @category decoding
 */
export const decompress = (body: Uint8Array, limit: number): Effect.Effect<Uint8Array, InvalidRequest> =>
  Effect.suspend(() => {
    if (body.length === 0) return Effect.fail(new InvalidRequest({ message: "nothing to be decompressed" }))
    if (body.length > atOnce) return inflateLarge(body, limit)
    try {
      const inflated = Zlib.unzipSync(body, options(Math.min(limit, atOnceOutput))) as unknown as Inflated
      return complete(inflated, body, limit)
    } catch (thrown) {
      const cause = thrown as NodeJS.ErrnoException
      if (cause.code === "ERR_BUFFER_TOO_LARGE" && limit > atOnceOutput) return inflateLarge(body, limit)
      return Effect.fail(failureOf(cause, limit))
    }
  })

/**
 * The parts of an answer, compressed into one piece. Large answers are compressed on another thread. The parts are borrowed until the
 * effect completes.
 *
 * @category encoding
 */
export const compress = (coding: ContentCoding, parts: ReadonlyArray<Uint8Array>): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => {
    const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    if (whole.length <= atOnce) {
      return Effect.succeed(coding === "gzip" ? Zlib.gzipSync(whole) : Zlib.deflateSync(whole))
    }
    return Effect.callback<Uint8Array>((resume) => {
      const done = (cause: Error | null, compressed: Uint8Array): void =>
        resume(cause === null ? Effect.succeed(compressed) : Effect.die(cause))
      if (coding === "gzip") Zlib.gzip(whole, done)
      else Zlib.deflate(whole, done)
    })
  })
