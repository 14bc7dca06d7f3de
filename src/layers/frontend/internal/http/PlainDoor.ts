/**
 * Serves the requests of HTTP/1.1 connections as calls. A connection that brings anything unusual goes to node:http, and one that
 * begins like HTTP/2 with prior knowledge is served as such. Source: RFC 9113 §3.3.
 */
import { Cause } from "effect"
import type { Socket } from "node:net"
import type { Http1Handler, Http1Options } from "../http1/Http1Connection.ts"
import { Http1Connections } from "../http1/Http1Connections.ts"
import { Call } from "./Call.ts"
import type { Surroundings } from "./Exchange.ts"

/** Times in milliseconds. @internal */
export interface Options {
  /** Bytes of a request's head. */
  readonly maxHeaderSize: number
  /** Until the head of a request is complete. */
  readonly headerTimeout: number
  /** Pause within a body, or within the reception of an answer. */
  readonly bodyTimeout: number
  /** Until a whole request is complete. */
  readonly requestTimeout: number
  /** Between two requests. */
  readonly idleTimeout: number
  /** For which the thread stays awake after an answer. */
  readonly awake: number
}

/** Who takes a connection that is not served here, with its first bytes still to be read. @internal */
export interface Takers {
  readonly http2: (socket: Socket) => void
  readonly other: (socket: Socket) => void
}

/** No request of HTTP/1 begins with it. */
const preface = Buffer.from("PRI")

/** Requests of one connection that are not answered yet. */
const maxPipelined = 64

/** What connections need of the options. @internal */
export const http1OptionsOf = (options: Options): Http1Options => ({
  maxHeaderSize: options.maxHeaderSize,
  maxPipelined,
  headerTimeout: options.headerTimeout,
  bodyTimeout: options.bodyTimeout,
  requestTimeout: Math.max(options.requestTimeout, options.headerTimeout),
  idleTimeout: options.idleTimeout,
  awake: options.awake
})

/** @internal */
export const make = (
  options: Options,
  surroundings: Surroundings,
  serve: (call: Call) => void,
  takers: Takers
): Http1Connections => {
  const handler: Http1Handler = {
    onRequest: (request, response, connection) => {
      surroundings.entered()
      const { contentLength, expects } = request.head
      const call = new Call(request, response, connection, surroundings, contentLength > 0, expects)
      call.guard(() => serve(call))
    },
    onLeave: ({ socket }, bytes) => {
      // Whoever takes the connection reads these bytes first.
      socket.unshift(bytes)
      if (bytes.subarray(0, preface.length).equals(preface)) takers.http2(socket)
      else takers.other(socket)
      socket.resume()
    },
    onClose: () => {},
    onDefect: (thrown) => surroundings.report(Cause.die(thrown))
  }
  return new Http1Connections(http1OptionsOf(options), handler)
}
