/** Serves the requests of HTTP/2 connections as calls, like those of HTTP/1.1. Source: RFC 9113 §8. */
import { Cause } from "effect"
import type { Connection } from "../../http2/Connection.ts"
import { Connections } from "../../http2/Connections.ts"
import type { RequestHead } from "../../http2/RequestHead.ts"
import type { Stream } from "../../http2/Stream.ts"
import { Call } from "../Call.ts"
import type { Surroundings } from "../Exchange.ts"
import { StreamRequest } from "./StreamRequest.ts"
import { StreamResponse } from "./StreamResponse.ts"

/** Times in milliseconds. @internal */
export interface Options {
  /** Requests of one connection at a time. */
  readonly maxConcurrentStreams: number
  /** Bytes of a request's head. */
  readonly maxHeaderSize: number
  /** Until the beginning of HTTP/2 is through. */
  readonly headerTimeout: number
  /** Pause within a body, or within the reception of an answer. */
  readonly bodyTimeout: number
  /** Until a whole request is complete. */
  readonly requestTimeout: number
  /** Of a connection without requests. */
  readonly idleTimeout: number
  /** For which the thread stays awake after an answer. */
  readonly awake: number
}

const twoHours = 7_200_000

/** What is left of a small body is here by then, and curl up to 7.88 loses an answer whose client is told to stop along with it. */
const stopAfter = 1000

/** @internal */
export const make = (options: Options, surroundings: Surroundings, serve: (call: Call) => void): Connections => {
  const around = new WeakMap<Connection, Surroundings>()

  /** A connection takes no further requests while too much is done for those that its client gave up. */
  const surroundingsOf = (connection: Connection): Surroundings => {
    let made = around.get(connection)
    if (made === undefined) {
      made = {
        ...surroundings,
        left: () => {
          connection.working--
          surroundings.left()
        }
      }
      around.set(connection, made)
    }
    return made
  }

  const onRequest = (stream: Stream, head: RequestHead): void => {
    const { connection } = stream
    const request = new StreamRequest(stream, head)
    const response = new StreamResponse(stream, request, performance.now() + options.requestTimeout)
    stream.handler = response
    connection.working++
    surroundings.entered()
    const bodied = !stream.ended && head.contentLength !== 0
    const expect = request.headers.expect
    const call = new Call(request, response, response, surroundingsOf(connection), bodied, expect !== undefined)
    if (head.tooLarge) {
      call.error(431, "The head of the request is too large. Send fewer or shorter headers.")
    } else if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
      call.error(417, `The expectation '${expect}' is not known here, only 100-continue.`)
    } else if (head.method === "CONNECT") {
      call.error(405, "Method Not Allowed")
    } else {
      call.guard(() => serve(call))
    }
  }

  return new Connections({
    maxConcurrentStreams: options.maxConcurrentStreams,
    maxHeaderListBytes: options.maxHeaderSize,
    stopAfter,
    awake: options.awake,
    pings: { minInterval: 0, maxStrikes: 0, permitWithoutStreams: true },
    onRequest,
    onDefect: (thrown) => surroundings.report(Cause.die(thrown))
  }, {
    handshakeTimeout: options.headerTimeout,
    stillTimeout: options.bodyTimeout,
    idleTimeout: options.idleTimeout,
    pingAfter: twoHours,
    pingTimeout: 20_000,
    pingWithoutStreams: false,
    maxPingsWithoutAnswer: 2,
    maxAge: Infinity,
    maxAgeGrace: Infinity
  })
}
