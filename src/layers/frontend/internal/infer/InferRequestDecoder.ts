/**
 * Reads the body of an inference request: JSON, or JSON followed by binary tensors.
 *
 * One pass over the JSON finds everything, converts the tensors on the way and remembers the first thing wrong in each part.
 * Then the parts are judged in Triton's order, so that the same error wins: syntax, `id`, `parameters`, `inputs`, surplus
 * bytes, `outputs`.
 *
 * Source: protocol.md 4.1 (9 to 14), 4.2, 4.4 to 4.6.
 */
import { Result } from "effect"
import type { RequestedOutput, Tensor } from "../../../../schema/Inference.ts"
import { regionNotFound } from "../../../../services/ClientMemory.ts"
import { attempt, type ReadFailure } from "../json/JsonAccess.ts"
import { JsonScanner } from "../json/JsonScanner.ts"
import type { ClientTensors, TensorsOfRequest } from "./ClientTensors.ts"
import { type DecodedRequest, type DecodeOptions, type Encoding, OutputEncoding } from "./DecodedRequest.ts"
import { absent, type Field, first, text } from "./Fields.ts"
import { BinarySection, InputReader } from "./InputReader.ts"
import { Names } from "./Names.ts"
import { OutputReader } from "./OutputReader.ts"
import { ParameterReader } from "./ParameterReader.ts"
import * as RequestFault from "./RequestFault.ts"

class Envelope implements TensorsOfRequest {
  private readonly scanner: JsonScanner
  private readonly options: DecodeOptions
  private readonly section: BinarySection
  private readonly parameters = new ParameterReader()
  private id: Field = absent
  private inputs: Array<Tensor> | undefined = undefined
  private inputsFault: unknown = undefined
  private outputs: Array<RequestedOutput> | undefined = undefined
  private readonly encodings: Array<Encoding> = []
  private outputsFault: unknown = undefined
  clientTensors: ClientTensors | undefined = undefined
  /** Where the data of inputs begins and where it ends, in turn; of those whose data was converted where it stands. */
  readonly spans: Array<number> = []

  constructor(body: Uint8Array, jsonLength: number, options: DecodeOptions) {
    this.scanner = new JsonScanner(body, jsonLength)
    this.options = options
    this.section = new BinarySection(body, jsonLength)
  }

  inRegion(region: string): ClientTensors {
    const { clientTensors } = this.options
    if (clientTensors === undefined) throw regionNotFound(region)
    return this.clientTensors ??= clientTensors()
  }

  read(): void {
    const { scanner } = this
    scanner.begin()
    if (scanner.peek() !== 0x7b) scanner.skip()
    else if (scanner.openObject()) {
      do {
        switch (scanner.key()) {
          case "id":
            this.id = first(this.id, scanner)
            break
          case "parameters":
            this.parameters.read(scanner)
            break
          case "inputs":
            this.readInputs()
            break
          case "outputs":
            this.readOutputs()
            break
          default:
            scanner.skip()
        }
      } while (scanner.moreMembers())
    }
    scanner.finish()
  }

  private readInputs(): void {
    const { scanner } = this
    if (this.inputs !== undefined) return scanner.skip()
    const inputs: Array<Tensor> = []
    this.inputs = inputs
    if (scanner.peek() !== 0x5b) {
      this.inputsFault = RequestFault.wrongKind("inputs", "array", "array")
      return scanner.skip()
    }
    if (!scanner.openArray()) return
    const { taken } = new Names()
    do {
      if (this.inputsFault !== undefined) {
        scanner.skip()
        continue
      }
      const reader = new InputReader(this.options)
      reader.read(scanner)
      try {
        if (inputs.length === RequestFault.maximumListed) throw RequestFault.tooManyListed("inputs")
        inputs.push(reader.tensor(scanner, this.section, taken, this))
        if (reader.dataEnd >= 0) this.spans.push(reader.dataStart, reader.dataEnd)
      } catch (thrown) {
        this.inputsFault = thrown
      }
    } while (scanner.moreElements())
  }

  private readOutputs(): void {
    const { scanner } = this
    if (this.outputs !== undefined) return scanner.skip()
    const outputs: Array<RequestedOutput> = []
    this.outputs = outputs
    if (scanner.peek() !== 0x5b) {
      this.outputsFault = RequestFault.wrongKind("outputs", "array", "array")
      return scanner.skip()
    }
    if (!scanner.openArray()) return
    const { taken } = new Names()
    do {
      if (this.outputsFault !== undefined) {
        scanner.skip()
        continue
      }
      const reader = new OutputReader()
      reader.read(scanner)
      try {
        if (outputs.length === RequestFault.maximumListed) throw RequestFault.tooManyListed("outputs")
        const { encoding, output } = reader.output(taken, this)
        outputs.push(output)
        this.encodings.push(encoding)
      } catch (thrown) {
        this.outputsFault = thrown
      }
    } while (scanner.moreElements())
  }

  decoded(): DecodedRequest {
    const { encodings, inputs, outputs = [], parameters } = this
    const id = this.id === absent ? "" : text(this.id, "id")
    parameters.check()
    if (inputs === undefined) throw RequestFault.missing("inputs")
    this.raise(this.inputsFault, id)
    if (!this.section.isUsedUp()) {
      throw RequestFault.invalid(`unexpected additional input data for model '${this.options.modelName}'`)
    }
    this.raise(this.outputsFault, id)
    return {
      request: {
        id,
        inputs,
        outputs,
        parameters: parameters.parameters(),
        priority: parameters.priority,
        timeoutMicros: parameters.timeoutMicros,
        deadlineMicros: 0,
        sequence: parameters.sequence(),
        trace: this.options.trace
      },
      outputEncoding: new OutputEncoding(
        outputs.map((output) => output.name),
        encodings,
        parameters.binaryDataOutput ? "binary" : "json"
      ),
      clientTensors: this.clientTensors
    }
  }

  private raise(fault: unknown, id: string): void {
    if (fault === undefined) return
    throw fault instanceof RequestFault.ListedTwice ? RequestFault.listedTwice(fault, id) : fault
  }
}

/**
 * The request in `body`, of which the first `jsonLength` bytes are JSON (all of it without `jsonLength`).
 *
 * Shapes, outputs and parameters may be shared with earlier requests like this one, where `options.heads` or `options.texts` knows
 * them: they are read and never written to.
 *
 * Tensors given in binary are views of `body` and borrow it; `body` may lie over shared memory. Tensors given as JSON lie in
 * memory of `options.allocate`, which is asked only for sizes that the limits and the length of the text allow.
 *
 * Fails with `MalformedRequest` (500) for JSON that does not parse or holds a value of the wrong kind, `InvalidRequest` (400) for what
 * breaks a rule, `RegionNotFound` (404) for a tensor in shared memory that is not registered, `Unsupported` (501) for a correlation id that is too long.
 *
 * @category decoding
 */
export const decode = (
  body: Uint8Array,
  jsonLength: number | undefined,
  options: DecodeOptions
): Result.Result<DecodedRequest, ReadFailure> => {
  if (jsonLength === undefined || jsonLength === body.length) {
    const known = options.texts?.find(body, options)
    return known === undefined ? read(body, body.length, options) : Result.succeed(known)
  }
  const { heads, maxInputSize, modelName, trace } = options
  if (heads === undefined || jsonLength > maxInputSize) return read(body, jsonLength, options)
  const known = heads.find(modelName, body, jsonLength, trace)
  if (known !== undefined) return Result.succeed(known)
  const decoded = read(body, jsonLength, options)
  if (Result.isSuccess(decoded)) heads.keep(modelName, body, jsonLength, decoded.success)
  return decoded
}

const read = (
  body: Uint8Array,
  jsonLength: number,
  options: DecodeOptions
): Result.Result<DecodedRequest, ReadFailure> =>
  attempt(() => {
    if (jsonLength > options.maxInputSize) throw RequestFault.jsonTooLarge(jsonLength, options.maxInputSize)
    const envelope = new Envelope(body, jsonLength, options)
    try {
      envelope.read()
      const decoded = envelope.decoded()
      if (jsonLength === body.length) options.texts?.keep(options.modelName, body, decoded, envelope.spans)
      return decoded
    } catch (thrown) {
      envelope.clientTensors?.release()
      throw thrown
    }
  })
