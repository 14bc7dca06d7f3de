/** The forms of answers: errors, texts, and the parts of a large body. */
import { Cause, type Effect, Exit, Option } from "effect"
import { type Code, codes, Overloaded, Stopping } from "../../../../schema/Errors.ts"
import * as TraceFailure from "../../../../schema/TraceFailure.ts"
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import * as Failures from "../tracing/Failures.ts"
import * as RemoteParent from "../tracing/RemoteParent.ts"
import { type ContentType, errorBody } from "./Answer.ts"
import { AnswerStream } from "./AnswerStream.ts"
import * as CallFacts from "./CallFacts.ts"
import { Exchange } from "./Exchange.ts"
import * as RetryAfter from "./RetryAfter.ts"

/** A typed failure: its status follows from its code. @internal */
export interface Failure {
  readonly code: Code
  readonly message: string
  /** Tells whether another try can mend it. */
  readonly _tag?: string
}

/** Up to here an answer goes out as one string with its head: one write, no gathering. */
const maxOneWrite = 8192

/** A request as the routes see it. @internal */
export class Call extends Exchange {
  /** What traces say of the way that a request for inference came. */
  facts(): ArrivalFacts {
    return CallFacts.of(this.request, this.captures)
  }

  /** Answers with `{"error":"…"}`. */
  override error(
    status: number,
    message: string,
    contentType: ContentType = this.contentType,
    headers: ReadonlyArray<string> = []
  ): void {
    if (!this.settled) this.traced?.failed(CallFacts.failureOf(status, message))
    const body = errorBody(message)
    this.answer(status, ["Content-Type", contentType, ...headers], Buffer.byteLength(body), body)
  }

  /** Answers with the status and the text of a typed failure, and with `Retry-After` where another try can mend it. */
  failure(failure: Failure, contentType: ContentType = this.contentType, headers: ReadonlyArray<string> = []): void {
    if (!this.settled) this.traced?.failed(Failures.of(failure))
    // Whoever refuses for a limit of the client tells it by itself.
    const retry = headers.includes("Retry-After") ? [] : RetryAfter.headerOf(failure)
    this.error(
      codes[failure.code].http,
      failure.message,
      contentType,
      retry.length === 0 ? headers : [...headers, ...retry]
    )
  }

  /** Answers that there is no room now. */
  overloaded(message: string): void {
    this.failure(new Overloaded({ message }))
  }

  /** Answers that the server takes no more requests. */
  exiting(): void {
    this.failure(new Stopping({ message: "Server exiting" }))
  }

  /** Runs an effect as part of the client's span, and answers its failures; `onSuccess` answers the rest. */
  answerWith<A>(
    effect: Effect.Effect<A, Failure>,
    onSuccess: (value: A) => void
  ): void {
    this.run(RemoteParent.under(effect, this.request.headers["traceparent"]), (exit) => {
      if (Exit.isSuccess(exit)) onSuccess(exit.value)
      else this.unsuccessful(exit.cause)
    })
  }

  /** Answers what an effect failed with. */
  unsuccessful<E extends Failure>(
    cause: Cause.Cause<E>,
    contentType: (failure: E) => ContentType = () => this.contentType,
    headers: ReadonlyArray<string> = []
  ): void {
    if (this.settled) return
    const failure = Cause.findErrorOption(cause)
    if (Option.isSome(failure)) return this.failure(failure.value, contentType(failure.value), headers)
    if (Cause.hasInterruptsOnly(cause)) return this.exiting()
    this.defect(cause)
  }

  /** Answers 500 for a bug in the server, which the log describes. */
  override defect(cause: Cause.Cause<unknown>): void {
    this.server.report(cause)
    this.traced?.failed(TraceFailure.bug)
    this.cut()
    this.close()
    this.error(500, "The server failed on this request because of a bug in it; its log says more.")
  }

  /** Answers with no body. */
  empty(status: number): void {
    this.answer(status, ["Content-Type", this.contentType], 0, "")
  }

  /** Answers that it lies elsewhere. */
  redirect(location: string): void {
    this.answer(308, ["Content-Type", "text/plain", "Location", location], 0, "")
  }

  /** Answers a browser that asks whether it may send a request. */
  preflight(headers: ReadonlyArray<string>): void {
    this.answer(200, [...headers], 0, "")
  }

  /** Answers 200 with a text as UTF-8. */
  text(contentType: ContentType, body: string): void {
    this.answer(200, ["Content-Type", contentType], Buffer.byteLength(body), body)
  }

  /** Answers with bytes that nobody reuses. */
  raw(status: number, contentType: string, body: Uint8Array): void {
    const headers = ["Content-Type", contentType]
    if (body.byteLength > maxOneWrite) return this.answer(status, headers, body.byteLength, [body])
    this.answer(status, headers, body.byteLength, latin1(body), "latin1")
  }

  /** Answers 200 with a body that is still to come; `undefined` where nobody waits for it. */
  stream(contentType: string): AnswerStream | undefined {
    if (this.settled) return undefined
    this.begin(200, ["Content-Type", contentType])
    return new AnswerStream(this.response)
  }

  /** Answers 200 with a short body, of which each character is a byte. */
  latin1(headers: Array<string>, body: string): void {
    this.answer(200, headers, body.length, body, "latin1")
  }

  /**
   * Answers 200 with the parts of a body of `byteLength` bytes in all. The parts may be reused once `release` was called: after
   * the last byte left, or at once when they were copied.
   */
  parts(
    headers: Array<string>,
    byteLength: number,
    parts: ReadonlyArray<Uint8Array>,
    release: () => void
  ): void {
    if (this.settled) return release()
    if (byteLength <= maxOneWrite) {
      let body = ""
      for (const part of parts) body += latin1(part)
      release()
      this.answer(200, headers, byteLength, body, "latin1")
      return
    }
    this.onSent = release
    this.answer(200, headers, byteLength, parts)
  }
}

/** Bytes as a string of as many characters. */
const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")
