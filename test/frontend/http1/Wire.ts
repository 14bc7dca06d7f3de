/** A connection of HTTP/1.1 on a socket that is none, and what becomes of it. */
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { InProgress } from "../../../src/layers/frontend/internal/http/Wire.ts"
import {
  Http1Connection,
  type Http1Handler,
  type Http1Options
} from "../../../src/layers/frontend/internal/http1/Http1Connection.ts"
import type { Http1Request } from "../../../src/layers/frontend/internal/http1/Http1Request.ts"
import type { Http1Response } from "../../../src/layers/frontend/internal/http1/Http1Response.ts"

/** Keeps what is written to it. */
class Pipe extends Duplex {
  text = ""
  /** Of a client that reads. */
  takes = true
  private stuck: (() => void) | undefined = undefined

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("latin1")
    if (this.takes) done()
    else this.stuck = done
  }

  /** The client reads again. */
  readOn(): void {
    const { stuck } = this
    this.takes = true
    this.stuck = undefined
    stuck?.()
  }

  setTimeout(): this {
    return this
  }

  destroySoon(): void {
    this.end(() => this.destroy())
  }
}

/** A request that came, and what a test does with it. */
export interface Asked {
  readonly request: Http1Request
  readonly response: Http1Response
  readonly answer: (text: string, keepAlive?: boolean) => void
  finished: boolean
  aborted: boolean
}

export class Wire {
  readonly pipe = new Pipe({ allowHalfOpen: true })
  readonly asked: Array<Asked> = []
  readonly connection: Http1Connection
  /** What was left to whoever took the connection over. */
  left: string | undefined = undefined
  closed = false

  /** `onRequest` sees each request before anything else happens. */
  constructor(options: Partial<Http1Options> = {}, onRequest: (asked: Asked) => void = () => {}) {
    const handler: Http1Handler = {
      onRequest: (request, response, connection) => {
        const call: InProgress = {
          request,
          response,
          receiving: false,
          running: true,
          guard: (step) => step(),
          error: () => {},
          exiting: () => {},
          close: () => {},
          finish: () => {
            asked.finished = true
            connection.calls.delete(call)
            connection.left()
          },
          abort: () => {
            asked.aborted = true
            connection.calls.delete(call)
          }
        }
        const asked: Asked = {
          request,
          response,
          answer: (text, keepAlive = true) => {
            if (!keepAlive) response.shouldKeepAlive = false
            response.writeHead(200, ["Content-Length", String(text.length)])
            response.end(text, "latin1")
          },
          finished: false,
          aborted: false
        }
        response.belongTo(call)
        connection.calls.add(call)
        this.asked.push(asked)
        onRequest(asked)
      },
      onLeave: (_connection, bytes) => {
        this.left = bytes.toString("latin1")
      },
      onClose: () => {
        this.closed = true
      },
      onDefect: (thrown) => {
        throw thrown
      }
    }
    const socket = this.pipe as Duplex as Socket
    this.connection = new Http1Connection(
      socket,
      {
        maxHeaderSize: 4096,
        maxPipelined: 4,
        headerTimeout: 1000,
        bodyTimeout: 2000,
        requestTimeout: 5000,
        idleTimeout: 3000,
        awake: 0,
        ...options
      },
      handler,
      0
    )
  }

  /** Bytes come, in memory that is written over right afterwards. */
  send(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : Buffer.from(text)
    this.connection.receive(bytes, false)
    bytes.fill(0x7a)
  }
}

export const answer = (text: string, keepAlive = true): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n${keepAlive ? "" : "Connection: close\r\n"}\r\n${text}`
