/** A request that this front received, as its connection sees it: main has what else there is of it. */
import * as ByteCopy from "../../../../ByteCopy.ts"
import type { InProgress } from "../../http/Wire.ts"
import type { Http1Connection } from "../../http1/Http1Connection.ts"
import type { Http1Request } from "../../http1/Http1Request.ts"
import type { Http1Response } from "../../http1/Http1Response.ts"
import type { Link } from "../Link.ts"
import { AnswerFlag, maxPiece, Up } from "../Records.ts"
import type { AnswerHead } from "./AnswerHeads.ts"

/** @internal */
export class WorkerCall implements InProgress {
  readonly id: number
  readonly request: Http1Request
  readonly response: Http1Response
  /** Main decides how long it takes. */
  readonly running = true
  private readonly connection: Http1Connection
  private readonly link: Link
  /** Nothing more is said of it, either way. */
  private readonly forget: (id: number) => void
  private taken = false
  private dropped = false
  private notify = false
  /** Its answer was sent. */
  private over = false
  /** The body is being written where main wanted it. */
  private filling = false

  constructor(
    id: number,
    request: Http1Request,
    response: Http1Response,
    connection: Http1Connection,
    link: Link,
    forget: (id: number) => void
  ) {
    this.id = id
    this.request = request
    this.response = response
    this.connection = connection
    this.link = link
    this.forget = forget
    response.belongTo(this)
    connection.calls.add(this)
  }

  get receiving(): boolean {
    // Of a client that has sent everything nothing more comes, whether main has asked for the body yet or not.
    return (this.taken || this.connection.socket.readableEnded) && !this.dropped && !this.request.complete
  }

  guard(step: () => void): void {
    this.connection.guard(step)
  }

  /** The body cannot be received: main answers that. */
  error(status: number, message: string): void {
    const bytes = Buffer.from(message)
    const { link } = this
    link.open(Up.fault, 8 + bytes.length)
    const field = link.at >> 2
    link.ints[field] = this.id
    link.ints[field + 1] = status
    link.bytes.set(bytes, link.at + 8)
    link.commit()
  }

  exiting(): void {}

  close(): void {
    this.response.shouldKeepAlive = false
  }

  finish(): void {
    if (this.notify) this.tell(Up.sent)
    this.connection.calls.delete(this)
    this.over = true
    if (!this.filling) this.forget(this.id)
    this.connection.left()
  }

  abort(): void {
    this.dropped = true
    this.filling = false
    this.connection.calls.delete(this)
    this.forget(this.id)
  }

  private tell(kind: number): void {
    const { link } = this
    link.open(kind, 4)
    link.ints[link.at >> 2] = this.id
    link.commit()
  }

  /** Main wants the body piece by piece. */
  take(): void {
    this.taken = true
    this.request.on("data", (chunk) => {
      if (!this.dropped) this.data(chunk)
    })
    this.request.on("end", () => {
      if (!this.dropped) this.tell(Up.ended)
    })
  }

  private data(chunk: Buffer): void {
    const { link } = this
    for (let from = 0; from < chunk.length;) {
      const to = Math.min(chunk.length, from + maxPiece)
      link.open(Up.data, 4 + to - from)
      link.ints[link.at >> 2] = this.id
      ByteCopy.part(chunk, from, to, link.bytes, link.at + 4)
      link.commit()
      from = to
    }
  }

  /** Main wants the body there. */
  fill(memory: SharedArrayBuffer, offset: number, length: number): void {
    this.taken = true
    this.filling = true
    const target = Buffer.from(memory, offset, length)
    this.request.fill(() => target, () => this.unfilled())
  }

  /** Nothing more is written to the memory that main gave. */
  private unfilled(): void {
    if (!this.filling) return
    this.filling = false
    this.tell(Up.filled)
    if (this.over) this.forget(this.id)
  }

  /** Main wants no more of the body. */
  drop(): void {
    this.dropped = true
    this.request.resume()
    if (this.filling) this.request.whenFilled(() => this.unfilled())
  }

  private begin(head: AnswerHead | undefined, flags: number): void {
    if ((flags & AnswerFlag.keepAlive) === 0) this.response.shouldKeepAlive = false
    if (head !== undefined) this.response.writeHead(head.status, head.headers)
  }

  /** The whole answer; its body is latin1. */
  answer(head: AnswerHead, flags: number, body: string): void {
    this.begin(head, flags)
    this.response.end(body, "latin1")
  }

  piece(head: AnswerHead | undefined, flags: number, bytes: Buffer): void {
    const { response } = this
    this.begin(head, flags)
    if ((flags & AnswerFlag.notify) !== 0) {
      this.notify = true
      response.write(bytes, "latin1", () => this.tell(Up.sent))
      return
    }
    const more = response.write(bytes)
    if ((flags & AnswerFlag.pace) === 0) return
    if (more) this.tell(Up.room)
    else response.onceRoom(() => this.tell(Up.room))
  }

  parts(head: AnswerHead, flags: number, parts: ReadonlyArray<Uint8Array>, byteLength: number): void {
    this.notify = true
    this.begin(head, flags)
    this.response.endParts(parts, byteLength)
  }

  end(): void {
    this.notify = true
    this.response.end()
  }
}
