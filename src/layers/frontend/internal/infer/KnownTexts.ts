/**
 * Requests in JSON that were read before. Clients send the same text again and again with other numbers in it: what stands around the
 * data of the tensors is found again by its bytes, all of which are compared, and only the data is read.
 *
 * Ids, parameters and steps of sequences are part of that text. Where these differ from request to request, hardly anything is kept.
 */
import { isUtf8 } from "node:buffer"
import type { InferenceRequest, Tensor } from "../../../../schema/Inference.ts"
import { KnownPlace } from "../../../KnownPlace.ts"
import { isReadFailure } from "../json/JsonAccess.ts"
import { JsonScanner } from "../json/JsonScanner.ts"
import * as TensorScanner from "../json/TensorScanner.ts"
import { type DecodedRequest, type DecodeOptions, like, ordinaryMemory } from "./DecodedRequest.ts"
import { KnownAnswer } from "./KnownAnswer.ts"

/** @category models */
export interface Options {
  /** Texts that are kept at most; a power of two. Default: 64. */
  readonly maxTexts?: number
  /** Bytes of a body beyond which neither it is kept nor a known one looked for. Default: 8192. */
  readonly maxBodyBytes?: number
}

/** Bytes at the beginning of a body that its place follows from: what mostly comes before any number of a tensor. */
const beginning = 32
/** Letters at the end of a model's name that it follows from. */
const ending = 8

/** @category models */
export class KnownTexts {
  private readonly maxBodyBytes: number
  private readonly places: ReadonlyArray<KnownPlace<KnownText>>

  constructor({ maxBodyBytes = 8192, maxTexts = 64 }: Options = {}) {
    this.maxBodyBytes = maxBodyBytes
    this.places = Array.from({ length: maxTexts }, () => new KnownPlace())
  }

  /** The request in `body`, which differs in the data of its tensors alone from one that was read before for this model. */
  find(body: Uint8Array, options: DecodeOptions): DecodedRequest | undefined {
    if (body.length > this.maxBodyBytes || body.length > options.maxInputSize) return undefined
    const place = this.placeOf(options.modelName, body)
    const text = place.held
    if (text === undefined || text.model !== options.modelName) return undefined
    const decoded = text.read(body, options)
    if (decoded !== undefined) place.wasFound()
    return decoded
  }

  /**
   * Keeps the text of a request that was not found, and was read from `body`. `spans`: where the data of each input begins and where it ends, in
   * turn.
   */
  keep(model: string, body: Uint8Array, decoded: DecodedRequest, spans: ReadonlyArray<number>): void {
    if (body.length > this.maxBodyBytes) return
    const place = this.placeOf(model, body)
    if (place.isFree() && decoded.clientTensors === undefined && isAlike(decoded.request.inputs, spans)) {
      place.hold(new KnownText(model, body, decoded, spans))
    }
  }

  private placeOf(model: string, body: Uint8Array): KnownPlace<KnownText> {
    let hash = model.length
    for (let i = Math.max(0, model.length - ending); i < model.length; i++) {
      hash = Math.imul(hash ^ model.charCodeAt(i), 0x01000193)
    }
    const end = Math.min(beginning, body.length)
    for (let i = 0; i < end; i++) hash = Math.imul(hash ^ body[i]!, 0x01000193)
    return this.places[(hash ^ hash >>> 15) & (this.places.length - 1)]!
  }
}

/** Each input has data, which was read where it stands. */
const isAlike = (inputs: ReadonlyArray<Tensor>, spans: ReadonlyArray<number>): boolean =>
  inputs.length > 0 && spans.length === 2 * inputs.length && inputs.every(({ data }) => data.byteLength > 0)

/** What stands around the data of a request, and what it says. */
class KnownText {
  readonly model: string
  /** What comes before the data of each input, and after that of the last one. */
  private readonly pieces: ReadonlyArray<Uint8Array>
  private readonly request: InferenceRequest
  private readonly outputEncoding: DecodedRequest["outputEncoding"]
  /** Elements of each input. */
  private readonly counts: ReadonlyArray<number>
  private readonly answer = new KnownAnswer()

  constructor(
    model: string,
    body: Uint8Array,
    { outputEncoding, request }: DecodedRequest,
    spans: ReadonlyArray<number>
  ) {
    this.model = model
    const borders = [0, ...spans, body.length]
    // `slice` of a `Buffer` would be a view.
    this.pieces = request.inputs.map((_, i) => new Uint8Array(body.subarray(borders[2 * i], borders[2 * i + 1])))
      .concat(new Uint8Array(body.subarray(spans.at(-1))))
    this.counts = request.inputs.map(({ shape }) => shape.reduce((product, dim) => product * dim, 1))
    // The tensors of this request are not kept.
    const inputs = request.inputs.map((input) => ({ ...input, data: nothing }))
    this.request = { ...request, inputs, trace: undefined }
    this.outputEncoding = outputEncoding
  }

  /** The request in `body`; `undefined` where that differs in more than the data, or where the data is wrong. */
  read(body: Uint8Array, options: DecodeOptions): DecodedRequest | undefined {
    const { pieces, request } = this
    const known = request.inputs
    const tail = pieces[known.length]!
    if (!isAt(tail, body, body.length - tail.length)) return undefined
    const scanner = new JsonScanner(body)
    const inputs = new Array<Tensor>(known.length)
    for (let i = 0; i < known.length; i++) {
      const piece = pieces[i]!
      if (!isAt(piece, body, scanner.pos)) return undefined
      scanner.pos += piece.length
      const data = this.dataAt(scanner, i, options)
      if (data === undefined) return undefined
      const { datatype, name, shape } = known[i]!
      inputs[i] = { name, datatype, shape, data }
    }
    if (scanner.pos !== body.length - tail.length || (scanner.nonAscii && !isUtf8(body))) return undefined
    return like(request, inputs, options.trace, this.outputEncoding, this.answer)
  }

  /** The data at the cursor. What is wrong with it is told by whoever reads the whole text. */
  private dataAt(scanner: JsonScanner, input: number, options: DecodeOptions): Uint8Array | undefined {
    const { datatype, name } = this.request.inputs[input]!
    const { allocate = ordinaryMemory, maxInputSize } = options
    try {
      return TensorScanner.scan(scanner, {
        name,
        datatype,
        count: this.counts[input]!,
        maxByteSize: maxInputSize,
        allocate
      })
    } catch (thrown) {
      if (isReadFailure(thrown)) return undefined
      throw thrown
    }
  }
}

/** Whether a body goes on with a piece at a place. */
const isAt = (piece: Uint8Array, body: Uint8Array, at: number): boolean => {
  const { length } = piece
  if (at < 0 || at + length > body.length) return false
  for (let i = 0; i < length; i++) if (piece[i] !== body[at + i]) return false
  return true
}

const nothing = new Uint8Array(0)
