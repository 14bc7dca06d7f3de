/**
 * The wire form of messages: what travels in gRPC.
 *
 * Reading follows protobuf's rules for proto3: unknown fields and groups are skipped, the last of several values counts,
 * messages given twice are merged, lists may be packed or not, unknown enum numbers stay numbers.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */
import { Result } from "effect"
import type { DraftOf, Dynamic, MessageType, TypeOf } from "./Descriptor.ts"
import { read } from "./WireMessageReader.ts"
import { write } from "./WireMessageWriter.ts"
import { planOf } from "./WirePlan.ts"
import { ProtobufInvalid, WireProblem } from "./WireProblem.ts"
import { WireReader } from "./WireReader.ts"
import type { WireParts } from "./WireWriter.ts"
import { WireWriter } from "./WireWriter.ts"

// Decoding and encoding never wait, so one cursor of each kind serves all.
const none = new Uint8Array(0)
const reader = new WireReader(none)
const writer = new WireWriter()

/**
 * The message that the bytes are. Its `bytes` values are views of the input, which must stay as it is while they are used.
 *
 * Errors: `ProtobufInvalid`; also for a string that is not UTF-8, for messages nested deeper than 100 levels, and for a
 * shape or version beyond 2^53. Never throws.
 *
 * @category decoding
 */
export const decode = <M extends MessageType>(
  type: M,
  bytes: Uint8Array
): Result.Result<TypeOf<M>, ProtobufInvalid> => {
  reader.reset(bytes)
  try {
    return Result.succeed(read(reader, planOf(type)) as TypeOf<M>)
  } catch (problem) {
    if (!(problem instanceof WireProblem)) throw problem
    const { detail, offset } = problem
    return Result.fail(new ProtobufInvalid({ type: type.fullName, offset, detail }))
  } finally {
    reader.reset(none)
  }
}

/**
 * A message as parts to be written one after the other: large `bytes` values are not copied, so they must stay as they are
 * until the parts are gone. Fields that are left out are written as proto3's defaults, which is not at all.
 *
 * A number that its field cannot hold is a bug of the caller: `RangeError`. Half of a surrogate pair becomes U+FFFD.
 *
 * @category encoding
 */
export const encodeParts = <M extends MessageType>(type: M, value: DraftOf<M>): WireParts => {
  try {
    write(writer, planOf(type), value as Dynamic)
    return writer.finish()
  } finally {
    writer.discard()
  }
}

/** A message as bytes of its own. See `encodeParts`. @category encoding */
export const encode = <M extends MessageType>(type: M, value: DraftOf<M>): Uint8Array => {
  const { byteLength, parts } = encodeParts(type, value)
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(byteLength)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
