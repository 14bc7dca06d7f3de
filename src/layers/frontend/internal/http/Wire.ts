/** What a request and its answer are to routes, whichever version of HTTP they travel by. */
import type { IncomingHttpHeaders } from "node:http"
import type { Wire } from "../tracing/WireFacts.ts"
import type { CallList } from "./CallList.ts"

/** A request in progress, as its connection and its response know it. @internal */
export interface InProgress {
  readonly request: Pick<Request, "complete">
  readonly response: Pick<Response, "writableNeedDrain">
  /** The body is being received. */
  readonly receiving: boolean
  /** Something works on it. */
  readonly running: boolean
  /** Runs a step of its work; what that throws ends it and nothing else. */
  guard(step: () => void): void
  /** Answers with an error. */
  error(status: number, message: string): void
  /** Answers that the server takes no more requests. */
  exiting(): void
  /** Its connection closes after the answer. */
  close(): void
  /** The last byte of the answer went to the operating system. */
  finish(): void
  /** The connection closed: nobody waits for the answer any more. */
  abort(): void
}

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
  /** Both ends of its connection. */
  readonly socket: Wire
  /** The whole body came. */
  readonly complete: boolean
  on(event: "data", listener: (chunk: Buffer) => void): unknown
  on(event: "end", listener: () => void): unknown
  /** Drops the body. */
  resume(): unknown
  /**
   * Takes the whole body, where it came with the head and nobody has it yet: no event tells of it then. The bytes change once the
   * caller returns to whoever gave it the request.
   */
  takeWhole?(): Buffer | undefined
  /**
   * Writes the whole body into memory that is asked for with its first byte, and calls `filled` once, perhaps before this returns. No
   * event tells of it then.
   */
  fill?(memory: () => Uint8Array | undefined, filled: () => void): void
  /** Calls back as soon as that memory is not written to any more. */
  whenFilled?(unused: () => void): void
}

/** The part of `ServerResponse` that is used, and what makes it fit both versions. @internal */
export interface Response {
  /** Other requests go on beside this one on its connection, so an early answer does not end that. */
  readonly multiplexed: boolean
  /** What is ended in one turn of the event loop leaves together in any case. */
  readonly leavesTogether?: boolean
  shouldKeepAlive: boolean
  sendDate: boolean
  readonly destroyed: boolean
  /** The client does not take what is sent. */
  readonly writableNeedDrain: boolean
  /** The call is told when its answer was sent. */
  belongTo(call: InProgress): void
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
  readonly calls: CallList<InProgress>
  /** A call was answered. */
  left(): void
  /** Ends the connection after a while, however much the client still sends. */
  linger(): void
  /** Nothing more is sent. */
  end(): void
  /** Ends it at once. */
  destroy(): void
}
