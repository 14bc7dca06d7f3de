/**
 * Heads of binary requests that were read before. Clients send the same JSON again and again with other tensors behind it: what was
 * read once is found again by its bytes, all of which are compared.
 *
 * Ids, parameters and steps of sequences are part of the bytes. Where these differ from request to request, hardly anything is kept.
 */
import type { InferenceRequest, Tensor } from "../../../../schema/Inference.ts"
import type { TraceParent } from "../../../../schema/RequestTrace.ts"
import { KnownPlace } from "../../../KnownPlace.ts"
import { type DecodedRequest, like } from "./DecodedRequest.ts"
import { KnownAnswer } from "./KnownAnswer.ts"

/** @category models */
export interface Options {
  /** Heads that are kept at most; a power of two. Default: 64. */
  readonly maxHeads?: number
  /** Bytes of a head beyond which it is not kept. Default: 2048. */
  readonly maxHeadBytes?: number
}

/** @category models */
export class KnownHeads {
  private readonly maxHeadBytes: number
  private readonly places: ReadonlyArray<KnownPlace<KnownHead>>

  constructor({ maxHeadBytes = 2048, maxHeads = 64 }: Options = {}) {
    this.maxHeadBytes = maxHeadBytes
    this.places = Array.from({ length: maxHeads }, () => new KnownPlace())
  }

  /** The request in `body`, whose first `jsonLength` bytes were read before for this model. */
  find(
    model: string,
    body: Uint8Array,
    jsonLength: number,
    trace: TraceParent | undefined
  ): DecodedRequest | undefined {
    if (jsonLength > this.maxHeadBytes) return undefined
    const place = this.placeOf(body, jsonLength)
    const head = place.held
    if (head === undefined || head.model !== model || !head.fits(body, jsonLength)) return undefined
    place.wasFound()
    return head.decoded(body, trace)
  }

  /** Keeps the head of a request that was not found, and was read from `body`. */
  keep(model: string, body: Uint8Array, jsonLength: number, decoded: DecodedRequest): void {
    if (jsonLength > this.maxHeadBytes) return
    const place = this.placeOf(body, jsonLength)
    if (!place.isFree()) return
    if (decoded.clientTensors === undefined && isBinary(decoded.request.inputs, body, jsonLength)) {
      place.hold(new KnownHead(model, body, jsonLength, decoded))
    }
  }

  /** By the length and some of the bytes. */
  private placeOf(body: Uint8Array, jsonLength: number): KnownPlace<KnownHead> {
    let hash = jsonLength
    const step = (jsonLength >> 3) + 1
    for (let i = step >> 1; i < jsonLength; i += step) hash = Math.imul(hash ^ body[i]!, 0x01000193)
    return this.places[(hash ^ hash >>> 15) & (this.places.length - 1)]!
  }
}

/** All tensors lie behind the JSON, one after the other. */
const isBinary = (inputs: ReadonlyArray<Tensor>, { buffer, byteOffset }: Uint8Array, jsonLength: number): boolean => {
  let at = byteOffset + jsonLength
  for (let i = 0; i < inputs.length; i++) {
    const { data } = inputs[i]!
    if (data.buffer !== buffer || data.byteOffset !== at) return false
    at += data.byteLength
  }
  return true
}

const { compare } = Buffer.prototype

/** A head, and what it says. */
class KnownHead {
  readonly model: string
  private readonly bytes: Uint8Array
  private readonly request: InferenceRequest
  private readonly outputEncoding: DecodedRequest["outputEncoding"]
  /** Bytes of each input. */
  private readonly sizes: ReadonlyArray<number>
  /** Bytes behind the head. */
  private readonly size: number
  private readonly answer = new KnownAnswer()

  constructor(model: string, body: Uint8Array, jsonLength: number, { outputEncoding, request }: DecodedRequest) {
    this.model = model
    // `slice` of a `Buffer` would be a view.
    this.bytes = new Uint8Array(body.subarray(0, jsonLength))
    this.sizes = request.inputs.map(({ data }) => data.byteLength)
    this.size = body.length - jsonLength
    // The tensors of this request are not kept.
    const inputs = request.inputs.map((input) => ({ ...input, data: nothing }))
    this.request = { ...request, inputs, trace: undefined }
    this.outputEncoding = outputEncoding
  }

  fits(body: Uint8Array, jsonLength: number): boolean {
    return jsonLength === this.bytes.length && body.length - jsonLength === this.size &&
      compare.call(this.bytes, body, 0, jsonLength, 0, jsonLength) === 0
  }

  decoded(body: Uint8Array, trace: TraceParent | undefined): DecodedRequest {
    const { request, sizes } = this
    const known = request.inputs
    const inputs = new Array<Tensor>(known.length)
    const { buffer } = body
    let at = body.byteOffset + this.bytes.length
    for (let i = 0; i < known.length; i++) {
      const { datatype, name, shape } = known[i]!
      const size = sizes[i]!
      inputs[i] = { name, datatype, shape, data: new Uint8Array(buffer, at, size) }
      at += size
    }
    return like(request, inputs, trace, this.outputEncoding, this.answer)
  }
}

const nothing = new Uint8Array(0)
