/** Inference messages as clients write and read them: through the generic codec. */
import { Result } from "effect"
import type { DraftOf, TypeOf } from "../../../src/schema/proto/Descriptor.ts"
import * as Fields from "../../../src/schema/proto/InferFields.ts"
import * as WireFormat from "../../../src/schema/proto/WireFormat.ts"

export type Request = DraftOf<typeof Fields.ModelInferRequest>
export type Response = TypeOf<typeof Fields.ModelInferResponse>
export type StreamResponse = TypeOf<typeof Fields.ModelStreamInferResponse>

/** The bytes of a request. */
export const request = (draft: Request): Uint8Array => WireFormat.encode(Fields.ModelInferRequest, draft)

export const response = (bytes: Uint8Array): Response =>
  Result.getOrThrow(WireFormat.decode(Fields.ModelInferResponse, bytes))

export const streamResponse = (bytes: Uint8Array): StreamResponse =>
  Result.getOrThrow(WireFormat.decode(Fields.ModelStreamInferResponse, bytes))

/** One piece of the parts of a message. */
export const joined = ({ parts }: { readonly parts: ReadonlyArray<Uint8Array> }): Uint8Array =>
  new Uint8Array(Buffer.concat(parts))
