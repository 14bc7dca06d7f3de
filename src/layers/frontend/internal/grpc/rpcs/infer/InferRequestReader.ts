/**
 * Reads the bytes of a `ModelInferRequest`: what stands where, before anything of it is judged.
 *
 * Strings and shapes are made, tensors are not: raw contents are remembered by their place, typed contents are counted.
 *
 * Source: protocol §7.3; protobuf's rules for fields that come twice, in any order, or are not known.
 */
import * as DataType from "../../../../../../schema/DataType.ts"
import type { Tensor } from "../../../../../../schema/Inference.ts"
import { WireReader } from "../../../../../../schema/proto/WireReader.ts"
import * as RequestFault from "../../../infer/RequestFault.ts"
import { readEntry, type WireParameter } from "./ParameterReader.ts"
import { TypedContents } from "./TypedContents.ts"

/** Tags: field number times 8 plus wire type. */
const Request = { modelName: 10, modelVersion: 18, id: 26, parameter: 34, input: 42, output: 50, raw: 58 } as const
const Input = { name: 10, datatype: 18, dim: 24, shape: 26, parameter: 34, contents: 42 } as const
const Output = { name: 10, parameter: 18 } as const

/** A datatype that the protocol does not have: no model expects it, so that the request is refused in these words. */
const unknownDatatype = "<invalid>" as DataType.DataType

/** The parameters of a tensor that mean something. @internal */
export class TensorParameters {
  region: WireParameter | undefined = undefined
  regionOffset: WireParameter | undefined = undefined
  regionByteSize: WireParameter | undefined = undefined
  classification: WireParameter | undefined = undefined

  put(key: string, parameter: WireParameter): void {
    switch (key) {
      case "shared_memory_region":
        this.region = parameter
        return
      case "shared_memory_offset":
        this.regionOffset = parameter
        return
      case "shared_memory_byte_size":
        this.regionByteSize = parameter
        return
      case "classification":
        this.classification = parameter
    }
  }
}

const nothing = new Uint8Array(0)

/** An entry of `inputs`; it becomes the tensor once its `data` was found. @internal */
export class InputTensor implements Tensor {
  name = ""
  datatype: DataType.DataType = unknownDatatype
  readonly shape: Array<number> = []
  data: Uint8Array = nothing
  parameters: TensorParameters | undefined = undefined
  contents: TypedContents | undefined = undefined
}

/** An entry of `outputs`. @internal */
export class OutputEntry {
  name = ""
  parameters: TensorParameters | undefined = undefined
}

/** A `ModelInferRequest` as it was sent. @internal */
export class RequestMessage {
  readonly bytes: Uint8Array
  modelName = ""
  modelVersion = ""
  id = ""
  parameters: Map<string, WireParameter> | undefined = undefined
  readonly inputs: Array<InputTensor> = []
  readonly outputs: Array<OutputEntry> = []
  /** Start and end of each entry of `raw_input_contents`, one behind the other. */
  readonly raw: Array<number> = []

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/**
 * Reads a whole message, which it borrows. Throws `WireProblem` where the bytes are none, `InvalidRequest` where it lists more than
 * the server takes.
 *
 * @internal
 */
export const read = (bytes: Uint8Array): RequestMessage => {
  const reader = new WireReader(bytes)
  const message = new RequestMessage(bytes)
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case Request.modelName:
        message.modelName = reader.string()
        break
      case Request.modelVersion:
        message.modelVersion = reader.string()
        break
      case Request.id:
        message.id = reader.string()
        break
      case Request.parameter:
        readParameter(reader, message)
        break
      case Request.input:
        if (message.inputs.length === RequestFault.maximumListed) throw RequestFault.tooManyListed("inputs")
        message.inputs.push(readInput(reader))
        break
      case Request.output:
        if (message.outputs.length === RequestFault.maximumListed) throw RequestFault.tooManyListed("outputs")
        message.outputs.push(readOutput(reader))
        break
      case Request.raw: {
        const length = reader.length()
        // Entries beyond those of the inputs are ignored, so that the bound of the inputs is one for them.
        if (message.raw.length < 2 * RequestFault.maximumListed) message.raw.push(reader.pos, reader.pos + length)
        reader.pos += length
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return message
}

const readParameter = (reader: WireReader, message: RequestMessage): void => {
  const parameters = message.parameters ??= new Map()
  readEntry(reader, (key, parameter) => parameters.set(key, parameter))
  if (parameters.size > RequestFault.maximumParameters) {
    throw RequestFault.invalid(`request has more than ${RequestFault.maximumParameters} parameters`)
  }
}

const readTensorParameter = (
  reader: WireReader,
  tensor: { parameters: TensorParameters | undefined }
): void => {
  const parameters = tensor.parameters ??= new TensorParameters()
  readEntry(reader, (key, parameter) => parameters.put(key, parameter))
}

const readInput = (reader: WireReader): InputTensor => {
  const input = new InputTensor()
  const outer = reader.open()
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case Input.name:
        input.name = reader.string()
        break
      case Input.datatype:
        input.datatype = DataType.fromName(reader.string())?.name ?? unknownDatatype
        break
      case Input.dim:
        pushDim(input.shape, reader)
        break
      case Input.shape: {
        const beyond = reader.open()
        while (reader.pos < reader.end) pushDim(input.shape, reader)
        reader.close(beyond)
        break
      }
      case Input.parameter:
        readTensorParameter(reader, input)
        break
      case Input.contents: {
        const contents = input.contents ??= new TypedContents()
        contents.read(reader)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  reader.close(outer)
  return input
}

/** A dimension beyond 2^53, which no model can have, is rounded. */
const pushDim = (shape: Array<number>, reader: WireReader): void => {
  if (shape.length === RequestFault.maximumRank) {
    throw RequestFault.invalid(`a shape has more than ${RequestFault.maximumRank} dimensions`)
  }
  const { end, input, pos } = reader
  const first = input[pos]!
  if (first < 0x80) {
    shape.push(reader.int32())
  } else if (pos + 1 < end && input[pos + 1]! < 0x80) {
    reader.pos = pos + 2
    shape.push((first & 0x7f) | input[pos + 1]! << 7)
  } else shape.push(Number(reader.int64()))
}

const readOutput = (reader: WireReader): OutputEntry => {
  const output = new OutputEntry()
  const outer = reader.open()
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case Output.name:
        output.name = reader.string()
        break
      case Output.parameter:
        readTensorParameter(reader, output)
        break
      default:
        reader.skip(tag)
    }
  }
  reader.close(outer)
  return output
}
