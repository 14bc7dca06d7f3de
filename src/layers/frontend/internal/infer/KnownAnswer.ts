/**
 * The JSON of the last answer in binary to requests of one head: the next one is mostly the same, with other tensors behind it.
 */
import type { InferenceResponse, Tensor } from "../../../../schema/Inference.ts"

/** What the JSON says of an output. */
interface KnownOutput {
  readonly name: string
  readonly datatype: string
  readonly shape: ReadonlyArray<number>
  readonly byteLength: number
}

/** @category models */
export class KnownAnswer {
  private id = ""
  private modelName = ""
  private modelVersion = ""
  private outputs: ReadonlyArray<KnownOutput> = []
  private head: Buffer | undefined = undefined

  /** The JSON of this response, where it is as before. */
  of(response: InferenceResponse): Buffer | undefined {
    const { outputs } = this
    if (
      this.head === undefined || response.outputs.length !== outputs.length || response.parameters.size > 0 ||
      response.id !== this.id || response.modelName !== this.modelName || response.modelVersion !== this.modelVersion
    ) return undefined
    for (let i = 0; i < outputs.length; i++) if (!isSame(outputs[i]!, response.outputs[i]!)) return undefined
    return this.head
  }

  /** Keeps the JSON of a response, all of whose outputs go back in binary. */
  keep(response: InferenceResponse, head: Uint8Array): void {
    if (response.parameters.size > 0) return
    this.id = response.id
    this.modelName = response.modelName
    this.modelVersion = response.modelVersion
    this.outputs = response.outputs.map(({ data, datatype, name, shape }) => ({
      name,
      datatype,
      shape,
      byteLength: data.byteLength
    }))
    this.head = Buffer.from(head)
  }
}

const isSame = (known: KnownOutput, { data, datatype, name, shape }: Tensor): boolean => {
  if (
    known.name !== name || known.datatype !== datatype || known.byteLength !== data.byteLength ||
    known.shape.length !== shape.length
  ) return false
  for (let d = 0; d < shape.length; d++) if (known.shape[d] !== shape[d]) return false
  return true
}
