/**
 * RPC over HTTP: a POST carries requests, its answer carries what comes back. One answer that is whole at once goes out like any
 * other; several, or a stream, go out piece by piece.
 *
 * A protocol of Effect's RPC server over the calls of the HTTP front end, whose limits and shutdown thus hold.
 */
import { type Cause, Effect, Exit, Queue } from "effect"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import { constEof } from "effect/rpc/RpcMessage"
import type { Parser } from "effect/rpc/RpcSerialization"
import { Protocol } from "effect/rpc/RpcServer"
import { single } from "../HeaderValue.ts"
import type { AnswerStream } from "../http/AnswerStream.ts"
import type { Call } from "../http/Call.ts"
import type { Origin } from "./Arriving.ts"
import * as Envelope from "./Envelope.ts"
import * as Frames from "./Frames.ts"
import * as Peer from "./Peer.ts"
import { propagated, type Sent } from "./Propagation.ts"
import { defect, type Serialization } from "./Serialization.ts"
import { type Answer, SingleInference } from "./SingleInference.ts"

type Write = (client: number, message: FromClientEncoded) => Effect.Effect<void>

/** @internal */
export interface HttpTransport {
  readonly protocol: Protocol["Service"]
  /** Answers a call whose body is complete. `atNanos`: when it came, where somebody may want to know of its requests. */
  readonly serve: (call: Call, body: Uint8Array, atNanos: number | undefined) => void
}

/**
 * `sendsHeaders`: what answers wants to see the headers of the call. `answer` is asked for what it can take without the RPC server,
 * which therefore may not look at headers.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*(
  serialization: Serialization,
  sendsHeaders: boolean,
  answer: Answer
): Effect.fn.Return<HttpTransport> {
  const single = sendsHeaders ? undefined : new SingleInference(serialization, answer)
  const disconnects = yield* Queue.make<number>()
  const exchanges = new Map<number, HttpExchange>()
  const parsers = new Parsers(serialization)
  const describe = defect(serialization)
  let last = 0
  let write: Write = () => Effect.void

  const protocol = yield* Protocol.make((writeRequest) => {
    write = writeRequest
    return Effect.succeed({
      disconnects,
      send: (id, message) => exchanges.get(id)?.send(message) ?? Effect.void,
      end: (id) => exchanges.get(id)?.end ?? Effect.void,
      clientIds: Effect.sync(() => new Set(exchanges.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: false,
      supportsTransferables: false,
      supportsSpanPropagation: false,
      supportsNotifications: true,
      codecFor: serialization.codecFor
    })
  })

  /** Answers what holds no request that could be answered. */
  const refuse = (call: Call, message: string): void => {
    const body = bytesOf(parsers.encode(describe(message))!)
    call.raw(400, serialization.contentType, body)
  }

  const serve = (call: Call, body: Uint8Array, atNanos: number | undefined): void => {
    let messages: ReadonlyArray<FromClientEncoded>
    try {
      messages = parsers.decode(body)
    } catch (thrown) {
      return refuse(call, `The body is no sequence of RPC messages: ${String(thrown)}`)
    }
    const ids = messages.flatMap((message) => message._tag === "Request" ? [message.id] : [])
    const requests = ids.length
    if (requests === 0) return refuse(call, "The body holds no complete RPC request.")
    if (requests > 1 && new Set(ids).size < requests) {
      return refuse(call, "Two requests of the body have the same id. Give each one its own.")
    }
    const alone = single?.take(messages, atNanos === undefined ? undefined : originOf(call, atNanos))
    if (alone !== undefined) {
      return call.run(alone, (exit) => {
        if (Exit.isSuccess(exit)) call.raw(200, serialization.contentType, bytesOf(parsers.encode(exit.value)!))
        else call.unsuccessful(exit.cause)
      })
    }
    const id = last++
    const exchange = new HttpExchange(call, serialization.contentType, requests, parsers.encode)
    exchanges.set(id, exchange)
    const headers = sendsHeaders ? { own: headersOf(call), said: peerOf(call) } : undefined
    const sent = sendsHeaders || atNanos === undefined ? undefined : sentBy(call)
    let next = 0
    const toAnswer = (message: FromClientEncoded) =>
      withHeaders(atNanos === undefined ? message : propagated(message, sent), headers)
    const run = Effect.andThen(
      Effect.whileLoop({
        while: () => next < messages.length,
        body: () => write(id, toAnswer(messages[next++]!)),
        step: () => {}
      }),
      Effect.andThen(Effect.suspend(() => write(id, constEof)), exchange.ended)
    )
    call.run(run, (exit) => {
      exchanges.delete(id)
      if (Exit.isSuccess(exit)) return
      // Nobody waits any more, or the server has no more time: what still runs ends.
      Queue.offerUnsafe(disconnects, id)
      exchange.abandon(exit.cause)
    })
  }

  return { protocol, serve }
})

/** The answer to one call. */
class HttpExchange {
  private readonly call: Call
  private readonly contentType: string
  private readonly encode: Parser["encode"]
  /** Requests that have not got their last message. */
  private open: number
  private whole: Uint8Array | undefined = undefined
  private stream: AnswerStream | undefined = undefined
  private over = false
  private whenEnded: () => void = () => {}

  constructor(call: Call, contentType: string, requests: number, encode: Parser["encode"]) {
    this.call = call
    this.contentType = contentType
    this.open = requests
    this.encode = encode
  }

  /** Completes once the whole answer was given to the connection. */
  readonly ended: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.over) return resume(Effect.void)
    this.whenEnded = () => resume(Effect.void)
  })

  readonly end: Effect.Effect<void> = Effect.sync(() => {
    this.over = true
    if (this.stream !== undefined) this.stream.end()
    else this.call.raw(200, this.contentType, this.whole ?? new Uint8Array(0))
    this.whenEnded()
  })

  send(message: FromServerEncoded): Effect.Effect<void> {
    const encoded = this.encode(message)
    if (encoded === undefined) return Effect.void
    const bytes = bytesOf(encoded)
    if (message._tag === "Exit") this.open--
    if (this.stream === undefined) {
      if (message._tag === "Exit" && this.open === 0) {
        // The only message, or the last one: the end comes next.
        this.whole = bytes
        return Effect.void
      }
      this.stream = this.call.stream(this.contentType)
    }
    return this.stream?.write(bytes) ?? Effect.void
  }

  abandon(cause: Cause.Cause<never>): void {
    if (this.stream === undefined) this.call.unsuccessful(cause)
    else if (!this.over) this.stream.cut()
  }
}

/** Reads bodies and writes messages; a parser that has read a whole body serves the next one. */
class Parsers {
  private readonly serialization: Serialization
  private readonly isText: boolean
  private idle: Parser | undefined = undefined
  private readonly writer: Parser

  constructor(serialization: Serialization) {
    this.serialization = serialization
    this.isText = serialization.contentType.includes("json")
    this.writer = serialization.makeUnsafe()
  }

  readonly encode: Parser["encode"] = (message) => this.writer.encode(message)

  decode(body: Uint8Array): ReadonlyArray<FromClientEncoded> {
    // What lacks its end would lie in the parser when the next body comes.
    if (!this.isText && !Frames.areComplete(body)) throw new Error("the last frame is not complete")
    const parser = this.idle ?? this.serialization.makeUnsafe()
    this.idle = undefined
    const decoded = parser.decode(this.isText ? lines(body) : body)
    this.idle = parser
    return Envelope.read(decoded)
  }
}

/** The last line may come without its end, as from a shell. */
const lines = (body: Uint8Array): string => {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  return text.endsWith("\n") ? text : `${text}\n`
}

const bytesOf = (encoded: Uint8Array | string): Uint8Array =>
  typeof encoded === "string" ? Buffer.from(encoded) : encoded

const sentBy = ({ request: { headers } }: Call): Sent => ({
  traceparent: single(headers["traceparent"]),
  tracestate: single(headers["tracestate"])
})

const originOf = (call: Call, atNanos: number): Origin => ({
  atNanos,
  sent: sentBy(call),
  wire: call.request.socket,
  authority: call.request.headers.host
})

type Headers = Extract<FromClientEncoded, { readonly _tag: "Request" }>["headers"]

const headersOf = (call: Call): Headers =>
  Object.entries(call.request.headers).flatMap(([name, value]) => typeof value === "string" ? [[name, value]] : [])

const peerOf = ({ request: { headers, socket } }: Call): Headers =>
  Peer.headersOf(socket.remoteAddress, single(headers["x-forwarded-for"]))

/** Those of the call, and what this transport says of it. */
interface CallHeaders {
  readonly own: Headers
  readonly said: Headers
}

const withHeaders = (message: FromClientEncoded, headers: CallHeaders | undefined): FromClientEncoded =>
  headers === undefined || message._tag !== "Request"
    ? message
    : { ...message, headers: Peer.merged(headers.own, message.headers, headers.said) }
