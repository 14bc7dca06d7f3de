/** One client connection: the calls in progress on it, and how it ends. */
import type { Socket } from "node:net"
import { closingBytes } from "./Answer.ts"
import { CallList } from "./CallList.ts"
import * as Unfinished from "./Unfinished.ts"
import type { Carrier, InProgress } from "./Wire.ts"

/** What a connection became when it left HTTP. @internal */
export interface Tenant {
  /** Some of its requests were not answered yet. */
  readonly busy: () => boolean
  /** The server takes no more requests: the connection ends once nothing is in flight. */
  readonly retire: () => void
}

const key: unique symbol = Symbol("galatea/http/Connection")

/** @internal */
export class Connection implements Carrier {
  readonly socket: Socket
  /** Requests whose answer is not sent yet, in order of arrival. */
  readonly calls = new CallList<InProgress>()
  /** Who has it instead of HTTP. */
  tenant: Tenant | undefined = undefined
  private failure: Buffer | undefined = undefined
  private failed = false

  constructor(socket: Socket) {
    this.socket = socket
    const tagged: Socket & { [key]?: Connection } = socket
    tagged[key] = this
  }

  /** The connection of a socket that the listener accepted. */
  static of(socket: Socket): Connection {
    const tagged: Socket & { [key]?: Connection } = socket
    return tagged[key] ?? new Connection(socket)
  }

  /**
   * Nothing more can be read from this connection. The call whose body was being received is refused; otherwise the failure is
   * written after the answers that are still owed.
   */
  fail(status: number, message: string): void {
    if (this.failed) return
    this.failed = true
    if (Unfinished.refuseArriving(this.calls, status, message)) return
    this.failure = closingBytes(status, message)
    this.left()
  }

  /** Something is still owed to the client. */
  get busy(): boolean {
    return this.calls.size > 0 || this.tenant?.busy() === true
  }

  /** A call was answered. */
  left(): void {
    if (this.failure === undefined || this.calls.size > 0) return
    this.socket.end(this.failure)
    this.failure = undefined
    this.linger()
  }

  /** Ends the connection after a while, however much the client still sends. */
  linger(): void {
    Unfinished.linger(this.socket)
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** No byte came or went for the time that the server grants. */
  stalled(): void {
    // Whoever took the connection over minds its silence.
    if (this.tenant !== undefined) return
    const waited = Unfinished.waitingFor(this.calls)
    if (waited === "the client") this.fail(408, Unfinished.stoppedArriving)
    else if (waited === "nobody") this.socket.destroy()
  }

  /** What has not arrived of a request is not waited for any longer. */
  cutShort(): void {
    Unfinished.cutShort(this.calls)
  }

  /** The client went away, or the server closed the connection. */
  closed(): void {
    for (const call of this.calls) call.abort()
  }
}
