/**
 * What stands around the tensors of the last answer to requests of one kind: the next one is mostly the same, with other tensors.
 */
import type { InferenceResponse, Tensor } from "../../../../schema/Inference.ts"

/** What the JSON says of an output. */
interface KnownOutput {
  readonly name: string
  readonly datatype: string
  readonly shape: ReadonlyArray<number>
  readonly byteLength: number
}

/** The JSON of an answer without its tensors. @category models */
export interface Surroundings {
  /** All tensors stand in the JSON, or all of them behind it. */
  readonly encoding: "binary" | "json"
  /** What comes before each tensor in the JSON, and after the last one. */
  readonly pieces: ReadonlyArray<Uint8Array>
}

/** @category models */
export class KnownAnswer {
  private id = ""
  private modelName = ""
  private modelVersion = ""
  private outputs: ReadonlyArray<KnownOutput> = []
  private surroundings: Surroundings | undefined = undefined

  /** What stands around the tensors of this response, where it is as before. */
  of(response: InferenceResponse): Surroundings | undefined {
    const { outputs } = this
    if (
      this.surroundings === undefined || response.outputs.length !== outputs.length || response.parameters.size > 0 ||
      response.id !== this.id || response.modelName !== this.modelName || response.modelVersion !== this.modelVersion
    ) return undefined
    for (let i = 0; i < outputs.length; i++) if (!isSame(outputs[i]!, response.outputs[i]!)) return undefined
    return this.surroundings
  }

  /** Keeps what stands around the tensors of a response. Where they stand in the JSON, each was checked to fit its shape. */
  keep(response: InferenceResponse, surroundings: Surroundings): void {
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
    this.surroundings = surroundings
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
