/** A request as it came off the wire, with what the answer's writer needs to know. */
import type { InferenceRequest, Tensor } from "../../../../schema/Inference.ts"
import type { TraceParent } from "../../../../schema/RequestTrace.ts"
import type { ClientTensors } from "./ClientTensors.ts"
import type { KnownAnswer } from "./KnownAnswer.ts"
import type { KnownHeads } from "./KnownHeads.ts"
import type { KnownTexts } from "./KnownTexts.ts"

/** The form of an output in the answer; `region`: it is not there, because its bytes go to shared memory. @category models */
export type Encoding = "binary" | "json" | "region"

/** How each output goes back: a listed one as its entry says, any other as `others` says. @category models */
export class OutputEncoding {
  readonly others: Encoding
  private readonly names: ReadonlyArray<string>
  private readonly encodings: ReadonlyArray<Encoding>
  private index: Map<string, Encoding> | undefined = undefined
  constructor(names: ReadonlyArray<string>, encodings: ReadonlyArray<Encoding>, others: Encoding) {
    this.names = names
    this.encodings = encodings
    this.others = others
  }

  of(name: string): Encoding {
    if (this.names.length <= 16) {
      const at = this.names.indexOf(name)
      return at < 0 ? this.others : this.encodings[at]!
    }
    this.index ??= new Map(this.names.map((listed, i) => [listed, this.encodings[i]!]))
    return this.index.get(name) ?? this.others
  }
}

/** Every output in the same encoding. @category constructors */
export const uniform = (encoding: Encoding): OutputEncoding => new OutputEncoding([], [], encoding)

/** @category models */
export interface DecodedRequest {
  readonly request: InferenceRequest
  readonly outputEncoding: OutputEncoding
  /** What moves the tensors that lie in shared memory, to be released when the request is over; `undefined`: none does. */
  readonly clientTensors: ClientTensors | undefined
  /** The last answer to requests like this one. Absent: none is kept. */
  readonly answer?: KnownAnswer | undefined
}

/** A request like one that was read before, with other tensors. @internal */
export const like = (
  known: InferenceRequest,
  inputs: ReadonlyArray<Tensor>,
  trace: TraceParent | undefined,
  outputEncoding: OutputEncoding,
  answer: KnownAnswer
): DecodedRequest => ({
  request: {
    id: known.id,
    inputs,
    outputs: known.outputs,
    parameters: known.parameters,
    priority: known.priority,
    timeoutMicros: known.timeoutMicros,
    deadlineMicros: 0,
    sequence: known.sequence,
    trace
  },
  outputEncoding,
  clientTensors: undefined,
  answer
})

/** @category models */
export interface DecodeOptions {
  /** Named in messages. */
  readonly modelName: string
  /** Most bytes of the JSON part, of one tensor given as JSON, and of a raw body. */
  readonly maxInputSize: number
  /**
   * Memory for tensors that came as JSON, aligned to 8 bytes, whatever its contents. Called only after the size was checked.
   * By default ordinary memory; hand out a `Region` of `TensorMemory` to save the copy to an execution instance. What was
   * handed out stays with the caller, also when decoding fails.
   */
  readonly allocate?: (byteLength: number) => Uint8Array
  /** What opens the shared memory of clients, for one request. Left out: no region is known. */
  readonly clientTensors?: () => ClientTensors
  /** Heads that were read before. Left out: none is known. */
  readonly heads?: KnownHeads | undefined
  /** Texts that were read before. Left out: none is known. */
  readonly texts?: KnownTexts | undefined
  /** What is noted of the request; left out: nothing. */
  readonly trace?: TraceParent | undefined
}

/** @internal */
export const ordinaryMemory = (byteLength: number): Uint8Array => new Uint8Array(byteLength)
