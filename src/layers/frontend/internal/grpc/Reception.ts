/** The receiving half of a call: one message, or a stream of them. */
import { Roster } from "../../../Roster.ts"
import type { Stream } from "../http2/Stream.ts"
import type { MessageHandler, Receiver } from "./Call.ts"
import type { CallHead } from "./CallHead.ts"
import { Exchange } from "./Exchange.ts"
import type { Message, MessageSink } from "./Message.ts"
import { type Refusal, tooLarge } from "./MessageCoding.ts"
import { MessageReader } from "./MessageReader.ts"
import { retryAfter, Status } from "./Status.ts"
import type { Surroundings } from "./Surroundings.ts"

/** Bytes of a message that is not counted. */
const maxUncounted = 64 * 1024

/** What takes the messages of a call. */
type Taker =
  | { readonly many: false; readonly onMessage: (message: Uint8Array) => void; readonly counted: boolean }
  | { readonly many: true; readonly handler: MessageHandler }

const nothing: ReadonlyArray<string> = []
const retryLater = retryAfter({ _tag: "Overloaded" })

const cardinality = (message: string): Refusal => ({ status: Status.unimplemented, message })

/** @internal */
export abstract class Reception extends Exchange implements MessageSink {
  protected readonly head: CallHead
  private readonly reader: MessageReader
  private taker: Taker | undefined = undefined
  /** Messages of a stream that the handler has not released. */
  private unreleased: Roster<() => void> | undefined = undefined
  /** The only message. */
  private only: Message | undefined = undefined
  private inPlace = false
  /** The request ended before anybody asked. */
  private endedEarly = false

  constructor(stream: Stream, head: CallHead, server: Surroundings) {
    super(stream, head.timeout, server)
    this.head = head
    this.reader = new MessageReader(stream, {
      memory: server.memory,
      maxMessageBytes: server.maxMessageBytes,
      coding: head.encoding ?? "identity"
    }, this)
  }

  /** Ends the call with a status. `more`: further names and values of the last header block in turn. */
  protected abstract conclude(status: number, message: string, more: ReadonlyArray<string>): void

  receiveOne(onMessage: (message: Uint8Array) => void, counted = true): void {
    this.take({ many: false, onMessage, counted })
    this.reader.more()
  }

  receiveMany(handler: MessageHandler): Receiver {
    this.take({ many: true, handler })
    return { more: () => this.reader.more() }
  }

  private take(taker: Taker): void {
    if (this.settled) return
    this.taker = taker
    if (this.endedEarly) this.guard(() => this.end())
  }

  onData(chunk: Buffer, start: number, end: number): void {
    this.reader.push(chunk, start, end)
  }

  onEnd(): void {
    this.reader.end()
  }

  /** Nothing more is received; an incomplete message is dropped. */
  protected stopReceiving(): void {
    this.reader.stop()
    const { taker } = this
    this.taker = undefined
    if (taker?.many === true) this.guard(() => taker.handler.onCancel())
  }

  /** The service takes no more messages, and need not be told. */
  protected takeNoMore(): void {
    this.taker = undefined
  }

  /** The client has begun something and not completed it. */
  protected get owesBytes(): boolean {
    return this.reader.within || this.taker?.many === false
  }

  protected override giveBack(): void {
    if (this.unreleased !== undefined) { for (const release of this.unreleased.all()) release() }
  }

  get takesOne(): boolean {
    return this.taker?.many === false
  }

  admit(bytes: number): Refusal | undefined {
    const { inFlight } = this.server
    const { taker } = this
    if (taker?.many === false) {
      if (this.only !== undefined) return cardinality("The method takes one message, and the client sent more.")
      if (!taker.counted) return bytes > maxUncounted ? tooLarge(bytes, maxUncounted) : undefined
    }
    const never = inFlight.tooLarge(bytes)
    if (never !== undefined) return { status: Status.resourceExhausted, message: never }
    const full = this.inPlace ? this.grow(bytes) : this.enter(bytes)
    if (full !== undefined) return { status: Status.unavailable, message: full }
    this.inPlace = true
    return undefined
  }

  message(message: Message): void {
    const { taker } = this
    if (taker === undefined) {
      message.region?.release()
    } else if (taker.many) {
      const unreleased = this.unreleased ??= new Roster()
      const release = (): void => {
        if (!unreleased.remove(release, place)) return
        message.region?.release()
        this.shrink(message.counted)
      }
      const place = unreleased.add(release)
      this.guard(() => taker.handler.onMessage(message.bytes, release))
    } else {
      if (message.region !== undefined) this.hold(message.region)
      this.only = message
      this.reader.more()
    }
  }

  end(): void {
    const { only, taker } = this
    if (taker === undefined) {
      this.endedEarly = true
      return
    }
    this.taker = undefined
    if (taker.many) this.guard(() => taker.handler.onEnd())
    else if (only === undefined) this.refuse(cardinality("The method takes one message, and the client sent none."))
    else this.guard(() => taker.onMessage(only.bytes))
  }

  refuse(refusal: Refusal): void {
    this.conclude(refusal.status, refusal.message, refusal.status === Status.unavailable ? retryLater : nothing)
  }
}
