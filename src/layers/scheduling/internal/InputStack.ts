/** Puts the inputs of several requests together, in one piece of shared memory. */
import { skip } from "../../../schema/BytesElements.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { Job } from "../../../services/Scheduler.ts"
import type { TensorMemory } from "../../../services/TensorMemory.ts"
import * as ByteCopy from "../../ByteCopy.ts"
import * as BatchTensors from "./BatchTensors.ts"
import { elementCount, type InputRole, product, tensorOf } from "./TensorRole.ts"

/** @category models */
export interface Stacked {
  readonly inputs: ReadonlyArray<Tensor>
  readonly release: () => void
}

const alignment = 64
const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

const nothing = () => {}

/** The tensors of one input that have to be copied together. */
interface Piece {
  readonly role: InputRole
  readonly tensors: ReadonlyArray<Tensor>
  readonly shape: ReadonlyArray<number>
  readonly byteLength: number
}

const pieceOf = (role: InputRole, tensors: ReadonlyArray<Tensor>): Piece => {
  let byteLength = 0
  let sum = 0
  for (let i = 0; i < tensors.length; i++) {
    const { data, shape } = tensors[i]!
    byteLength += data.byteLength
    sum += role.kind === "ragged" ? elementCount(shape) : shape[role.axis]!
  }
  if (role.kind === "ragged") return { role, tensors, shape: [sum], byteLength }
  const shape = tensors[0]!.shape.slice()
  shape[role.axis] = sum
  return { role, tensors, shape, byteLength }
}

/** Blocks that lie one behind the other in each tensor: 1 where the batch is the first dimension that is not 1. */
const blocksOf = ({ role: { axis, kind }, shape }: Piece): number => kind === "ragged" ? 1 : product(shape, 0, axis)

/** Copies the tensors into `target`, which has exactly the length of all. */
const fill = (piece: Piece, target: Uint8Array): void => {
  const { role, tensors } = piece
  const blocks = blocksOf(piece)
  let at = 0
  if (blocks === 1) {
    for (let i = 0; i < tensors.length; i++) at = ByteCopy.whole(tensors[i]!.data, target, at)
    return
  }
  const positions = new Array<number>(tensors.length).fill(0)
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < tensors.length; i++) {
      const { data, shape } = tensors[i]!
      const elements = product(shape, role.axis, shape.length)
      const start = positions[i]!
      const end = role.elementSize > 0 ? start + elements * role.elementSize : skip(data, start, elements)
      at = ByteCopy.part(data, start, end, target, at)
      positions[i] = end
    }
  }
}

/**
 * Stacks the inputs of jobs with equal keys and adds the tensors of `batch_input`. What a single job gives, and what all share,
 * passes through as it is.
 *
 * @category constructors
 */
export const stack = (
  memory: TensorMemory["Service"],
  roles: ReadonlyArray<InputRole>,
  batchTensors: ReadonlyArray<BatchTensors.BatchTensor>,
  jobs: ReadonlyArray<Job>
): Stacked => {
  const inputs: Array<Tensor> = []
  const pieces: Array<Piece> = []
  let bytes = 0
  for (let r = 0; r < roles.length; r++) {
    const role = roles[r]!
    const first = tensorOf(jobs[0]!, role)
    if (first === undefined) continue
    if (role.kind === "shared") {
      inputs.push(first)
    } else if (jobs.length === 1) {
      inputs.push(role.kind === "ragged" ? { ...first, shape: [elementCount(first.shape)] } : first)
    } else {
      const tensors = new Array<Tensor>(jobs.length)
      for (let i = 0; i < jobs.length; i++) tensors[i] = tensorOf(jobs[i]!, role)!
      const piece = pieceOf(role, tensors)
      pieces.push(piece)
      bytes += align(piece.byteLength)
    }
  }
  const values = batchTensors.map((tensor) => BatchTensors.valuesOf(tensor, jobs))
  for (const { shape } of values) bytes += align(elementCount(shape) * BatchTensors.valueSize)
  if (pieces.length === 0 && values.length === 0) return { inputs, release: nothing }

  const region = memory.acquire(bytes)
  let at = 0
  const take = (byteLength: number): Uint8Array => {
    const data = region.bytes.subarray(at, at + byteLength)
    at += align(byteLength)
    return data
  }
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    const { role: { datatype, name }, shape } = piece
    const data = take(piece.byteLength)
    fill(piece, data)
    inputs.push({ name, datatype, shape, data })
  }
  for (const each of values) {
    inputs.push(...BatchTensors.write(each, take(elementCount(each.shape) * BatchTensors.valueSize)))
  }
  return { inputs, release: region.release }
}
