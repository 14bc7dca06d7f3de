/** One try to send bytes to a collector, by HTTP or gRPC. */
import { type Effect, Schema } from "effect"

/** Why a try failed; `message` has no credentials in it. @category errors */
export class SendFailed extends Schema.TaggedError<SendFailed>()("SendFailed", {
  message: Schema.String,
  /** Another try may succeed. */
  retryable: Schema.Boolean,
  /** How long the collector asks to wait, in milliseconds. Absent: it does not say. */
  retryAfterMillis: Schema.optional(Schema.Finite)
}) {}

/** @category models */
export interface Sender {
  /**
   * Gives the body of the answer, or nothing where it is too large; `body` is not read any more then. Interruption ends the connection,
   * or the stream of it.
   */
  readonly send: (body: Uint8Array) => Effect.Effect<Uint8Array, SendFailed>
}

/** Longest answer of a collector that is read, in bytes. @category constants */
export const maxAnswerBytes = 65_536

/** A place in words: without credentials and without what follows a question mark. @category formatting */
export const place = (url: URL): string => `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`

const maxTextLength = 300

/** What the collector has said, fit for a log: bounded, in one line, and without `secrets`. @category formatting */
export const quoted = (text: string, secrets: ReadonlyArray<string>): string => {
  let shown = text
  for (const secret of secrets) if (secret.length > 3) shown = shown.replaceAll(secret, "***")
  shown = shown.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim()
  return shown.length <= maxTextLength ? shown : `${shown.slice(0, maxTextLength)}…`
}
