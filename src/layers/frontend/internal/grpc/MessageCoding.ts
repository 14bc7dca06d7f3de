/** Compressed messages. Source: gRPC compression. `deflate` is the zlib format. */
import * as Zlib from "node:zlib"
import type { Coding } from "./Call.ts"
import { Status } from "./Status.ts"

/** Why a message is not taken. @internal */
export interface Refusal {
  readonly status: number
  readonly message: string
}

/** Messages up to this many bytes are (de)compressed at once: handing them to another thread costs more. */
const atOnce = 8 * 1024
/** Most bytes that a message may become at once; where it becomes more, it starts over on another thread. */
const atOnceOutput = 256 * 1024

const chunkSize = 64 * 1024

/** Why a message of a size is not taken. @internal */
export const tooLarge = (bytes: number, limit: number): Refusal => ({
  status: Status.resourceExhausted,
  message: `Received message larger than max (${bytes} vs. ${limit})`
})

const corrupt = (coding: Coding, reason: string): Refusal => ({
  status: Status.internal,
  message: `The message could not be decompressed: ${reason}. Send one complete ${coding} stream.`
})

/** @internal */
export interface Decompression {
  readonly coding: "gzip" | "deflate"
  /** Most bytes that may come out. */
  readonly limit: number
  /** Takes so many bytes more into account, or says why not. */
  readonly admit: (bytes: number) => Refusal | undefined
  /** Called once, perhaps before `decompress` returns; never after it was stopped. */
  readonly done: (outcome: Uint8Array | Refusal) => void
}

const never = (): void => {}

/**
 * Decompresses a message, which is borrowed until `done` is called. Nothing much larger than the limit is ever made. Gives what stops it.
 *
 * @internal
 */
export const decompress = (message: Uint8Array, job: Decompression): () => void => {
  if (message.length > atOnce) return stream(message, job)
  try {
    const options = { maxOutputLength: Math.max(1, Math.min(job.limit, atOnceOutput)) }
    const whole = job.coding === "gzip" ? Zlib.gunzipSync(message, options) : Zlib.inflateSync(message, options)
    job.done(job.admit(whole.length) ?? (whole.length > job.limit ? tooLarge(whole.length, job.limit) : whole))
    return never
  } catch (thrown) {
    const cause = thrown as NodeJS.ErrnoException
    if (cause.code === "ERR_BUFFER_TOO_LARGE") return stream(message, job)
    job.done(corrupt(job.coding, cause.message))
    return never
  }
}

const stream = (message: Uint8Array, { admit, coding, done, limit }: Decompression): () => void => {
  const engine = coding === "gzip" ? Zlib.createGunzip({ chunkSize }) : Zlib.createInflate({ chunkSize })
  const pieces: Array<Buffer> = []
  let size = 0
  let over = false
  const stop = (): void => {
    over = true
    engine.destroy()
  }
  const end = (outcome: Uint8Array | Refusal): void => {
    if (over) return
    stop()
    done(outcome)
  }
  engine.on("data", (piece: Buffer) => {
    if (over) return
    size += piece.length
    const refusal = size > limit ? tooLarge(size, limit) : admit(piece.length)
    if (refusal === undefined) pieces.push(piece)
    else end(refusal)
  })
  engine.on("end", () => end(Buffer.concat(pieces, size)))
  engine.on("error", (cause) => end(corrupt(coding, cause.message)))
  engine.end(message)
  return stop
}

/**
 * Compresses the parts of a message into one piece, or gives the bug that made it impossible. They are borrowed until `done` is called,
 * perhaps before this returns.
 *
 * @internal
 */
export const compress = (
  coding: "gzip" | "deflate",
  parts: ReadonlyArray<Uint8Array>,
  done: (outcome: Uint8Array | Error) => void
): void => {
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  if (whole.length <= atOnce) return done(coding === "gzip" ? Zlib.gzipSync(whole) : Zlib.deflateSync(whole))
  const finished = (cause: Error | null, compressed: Uint8Array): void => done(cause ?? compressed)
  if (coding === "gzip") Zlib.gzip(whole, finished)
  else Zlib.deflate(whole, finished)
}
