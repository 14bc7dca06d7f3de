/** What is wrong with the bytes of a protobuf message. */
import { Schema } from "effect"

/** Leaves the reader on the first problem, by an exception; caught where a message is decoded. @category errors */
export class WireProblem {
  readonly detail: string
  /** Byte offset in the message that was given to the reader. */
  readonly offset: number
  constructor(detail: string, offset: number) {
    this.detail = detail
    this.offset = offset
  }
}

/** The bytes are no message of the type. @category errors */
export class ProtobufInvalid extends Schema.TaggedError<ProtobufInvalid>()("ProtobufInvalid", {
  /** Full name of the message type. */
  type: Schema.String,
  /** Byte offset at which the reader stopped. */
  offset: Schema.Int,
  detail: Schema.String
}) {
  override get message(): string {
    return `Unable to parse ${this.type}: ${this.detail} (at byte ${this.offset})`
  }
}
