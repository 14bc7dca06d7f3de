/** What a request and its answer are to routes, whichever version of HTTP they travel by. */
import type { IncomingHttpHeaders } from "node:http"
import type { Socket } from "node:net"
import type { CallList } from "./CallList.ts"
import type { Exchange } from "./Exchange.ts"

/** The part of `IncomingMessage` that is used. @internal */
export interface Request {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly headersDistinct: NodeJS.Dict<Array<string>>
  /** Names and values in turn. */
  readonly rawHeaders: ReadonlyArray<string>
  readonly httpVersion: string
  readonly httpVersionMinor: number
  readonly socket: Socket
  /** The whole body came. */
  readonly complete: boolean
  on(event: "data", listener: (chunk: Buffer) => void): unknown
  on(event: "end", listener: () => void): unknown
  /** Drops the body. */
  resume(): unknown
}

/** The part of `ServerResponse` that is used, and what makes it fit both versions. @internal */
export interface Response {
  /** Other requests go on beside this one on its connection, so an early answer does not end that. */
  readonly multiplexed: boolean
  shouldKeepAlive: boolean
  sendDate: boolean
  readonly destroyed: boolean
  /** The client does not take what is sent. */
  readonly writableNeedDrain: boolean
  /** The call is told when its answer was sent. */
  belongTo(call: Exchange): void
  writeContinue(): void
  removeHeader(name: string): void
  /** Names and values in turn. */
  writeHead(status: number, headers: Array<string>): unknown
  /** `false`: wait for `onceRoom`. */
  write(piece: Uint8Array): boolean
  write(piece: string, encoding: "utf8" | "latin1", written: () => void): boolean
  end(): unknown
  end(body: string, encoding: "utf8" | "latin1"): unknown
  /** Ends with a body of several parts, which stay as they are until the answer was sent. */
  endParts(parts: ReadonlyArray<Uint8Array>, byteLength: number): void
  /** Calls back once: when there is room for more, or nobody takes it any more. */
  onceRoom(ready: () => void): void
  destroy(): unknown
}

/** What a call needs of the connection that it came on. @internal */
export interface Carrier {
  /** Requests whose answer is not sent yet. */
  readonly calls: CallList<Exchange>
  /** A call was answered. */
  left(): void
  /** Ends the connection after a while, however much the client still sends. */
  linger(): void
  /** Nothing more is sent. */
  end(): void
  /** Ends it at once. */
  destroy(): void
}
