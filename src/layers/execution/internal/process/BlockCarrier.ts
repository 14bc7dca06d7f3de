/** Gathers the large tensors of a run into a block for a process. */
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { Carrier, Written } from "../RunRequest.ts"
import { align, blockMemory } from "./Frame.ts"

/** The large tensors of a run. @category models */
export interface Block {
  /** Inputs, each of which starts at the next aligned offset. */
  readonly inputs: ReadonlyArray<Uint8Array>
  readonly inputBytes: number
  /** With the outputs behind the inputs. */
  readonly bytes: number
}

const nothing: Block = { inputs: [], inputBytes: 0, bytes: 0 }

/** @category models */
export class BlockCarrier implements Carrier {
  offset = 0
  private readonly memory: TensorMemory["Service"]
  private inputs: Array<Uint8Array> = []
  private inputBytes = 0
  private bytes = 0

  constructor(memory: TensorMemory["Service"]) {
    this.memory = memory
  }

  input(_: number, data: Uint8Array): number {
    this.inputs.push(data)
    this.offset = this.bytes
    this.bytes += align(data.byteLength)
    this.inputBytes = this.bytes
    return blockMemory
  }

  output(_: number, byteLength: number, written: Written): number {
    written.regions.push(this.memory.acquire(byteLength))
    this.offset = this.bytes
    this.bytes += align(byteLength)
    return blockMemory
  }

  /** What was gathered for the run that was written; the next begins anew. */
  take(): Block {
    if (this.bytes === 0) return nothing
    const { bytes, inputBytes, inputs } = this
    this.inputs = []
    this.inputBytes = 0
    this.bytes = 0
    return { inputs, inputBytes, bytes }
  }
}
