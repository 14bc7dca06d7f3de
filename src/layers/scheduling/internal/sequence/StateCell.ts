/** The memory of one sequence: the states that its next step reads. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { SequenceState } from "../../../../schema/SequenceState.ts"
import type { Region, TensorMemory } from "../../../../services/TensorMemory.ts"

/**
 * Bytes up to which a state lies in ordinary memory: the executor copies small tensors whatever they lie in, and shared memory is
 * handed out in pieces of 4 KiB. @category constants
 */
export const smallState = 8192

const nothing = () => {}

/** The state that a sequence starts with, as a tensor of one row. It is nobody's own. @category constructors */
export const initialOf = ({ batchAxis, datatype, initial, input }: SequenceState): Tensor => ({
  name: input,
  datatype,
  shape: BatchAxis.insert(initial.dims, batchAxis, 1),
  data: initial.data
})

/** What the server keeps for one sequence. @category models */
export class StateCell {
  /** One row each, in the order of the states. They change when a step is stored, in place where they can. */
  readonly tensors: Array<Tensor>
  private readonly initial: ReadonlyArray<Tensor>
  private readonly memory: TensorMemory["Service"]
  /** What each state lies in where that is the cell's own to write to: a region, or `true` for ordinary memory. */
  private readonly own: Array<Region | true | undefined>
  private readonly releases: Array<() => void>
  private users = 0
  private closed = false

  constructor(initial: ReadonlyArray<Tensor>, memory: TensorMemory["Service"]) {
    this.initial = initial
    this.memory = memory
    this.tensors = initial.slice()
    this.own = new Array<undefined>(initial.length).fill(undefined)
    this.releases = new Array<() => void>(initial.length).fill(nothing)
  }

  /** Bytes that are kept for this sequence alone. */
  get bytes(): number {
    let bytes = 0
    for (let i = 0; i < this.tensors.length; i++) {
      if (this.tensors[i] !== this.initial[i]) bytes += this.tensors[i]!.data.byteLength
    }
    return bytes
  }

  /** A batch reads it until {@link letGo}. */
  hold(): void {
    this.users++
  }

  letGo(): void {
    if (--this.users === 0 && this.closed) this.free()
  }

  /** Frees the memory, at once or when no batch reads it any more. Later calls do nothing, and nothing is stored after it. */
  readonly close = (): void => {
    if (this.closed) return
    this.closed = true
    if (this.users === 0) this.free()
  }

  /** `false`: the sequence is over, what a step has left behind is nobody's. */
  get isOpen(): boolean {
    return !this.closed
  }

  /**
   * Room for a state of so many bytes, to be written at once: the memory that it has, where the size is the same. A run that reads it
   * must be over.
   */
  write(index: number, shape: ReadonlyArray<number>, byteLength: number): Uint8Array {
    const last = this.tensors[index]!
    const own = this.own[index]
    if (own !== undefined && last.data.byteLength === byteLength) {
      if (!sameShape(last.shape, shape)) this.tensors[index] = { ...last, shape }
      return last.data
    }
    this.releases[index]!()
    const region = byteLength > smallState ? this.memory.acquire(byteLength) : undefined
    const data = region === undefined ? new Uint8Array(byteLength) : region.bytes
    this.own[index] = region ?? true
    this.releases[index] = region?.release ?? nothing
    this.tensors[index] = { name: last.name, datatype: last.datatype, shape, data }
    return data
  }

  private free(): void {
    for (let i = 0; i < this.tensors.length; i++) {
      this.releases[i]!()
      this.releases[i] = nothing
      this.own[i] = undefined
      this.tensors[i] = this.initial[i]!
    }
  }
}

const sameShape = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
