/** A message as it comes from a call, and what takes it. */
import type { Refusal } from "./MessageCoding.ts"
import type { Place } from "./MessagePlace.ts"

/** Bytes before each message: whether it is compressed, and its length. @internal */
export const prefixBytes = 5

/** A complete message. Whoever gets it gives `region` and `counted` back. @internal */
export interface Message extends Place {
  /** Bytes that were taken into account for it. */
  readonly counted: number
}

/** What takes the messages of a reader. @internal */
export interface MessageSink {
  /** No message may follow the one that has begun. */
  readonly takesOne: boolean
  /** Takes bytes of a message into account, or says why not. */
  admit(bytes: number): Refusal | undefined
  message(message: Message): void
  /** The request ended after its last message. */
  end(): void
  /** The request is not one; the reader takes nothing more. */
  refuse(refusal: Refusal): void
}
