/** The two forms of messages: lines of JSON, and Effect's binary frames. */
import { Effect } from "effect"
import type { FromServerEncoded } from "effect/rpc/RpcMessage"
import { ResponseDefectEncoded } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import { Defect, encodeSync } from "effect/Schema"

/** @internal */
export type Serialization = RpcSerialization.RpcSerialization["Service"]

/** @internal */
export interface Limits {
  /** Bytes, or code units of JSON, of one message and of what is kept of one that is not complete. */
  readonly maxMessage: number | "unbounded"
}

/** @internal */
export const ndjson = ({ maxMessage }: Limits): Serialization =>
  RpcSerialization.makeNdjson({ maxBufferSize: maxMessage })

/** @internal */
export const binary = ({ maxMessage }: Limits): Effect.Effect<Serialization> =>
  Effect.provide(RpcSerialization.RpcSerialization, RpcSerialization.layerSchemaBinary({ maxFrameSize: maxMessage }))

/** The message that ends every request of a client, because something of what it sent cannot be read. @internal */
export const defect = (serialization: Serialization): (message: string) => FromServerEncoded => {
  const encode = encodeSync(serialization.codecFor(Defect()))
  return (message) => ResponseDefectEncoded(encode(message))
}
