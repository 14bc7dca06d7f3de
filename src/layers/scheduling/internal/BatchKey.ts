/**
 * What decides whether requests may share a batch: equal shapes where shapes are free, equal contents of what the whole batch
 * shares, and the same optional inputs.
 *
 * Source: scheduling §3.7.
 */
import { Buffer } from "node:buffer"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ModelSignature } from "../../../schema/ModelSignature.ts"
import type { Job } from "../../../services/Scheduler.ts"
import { type InputRole, tensorOf } from "./TensorRole.ts"

/** @category models */
export interface BatchKey {
  /** Of each input that counts: its rank and its dimensions without the batch, or -1 where the request does without it. */
  readonly sizes: ReadonlyArray<number>
  /** The tensors that the whole batch shares. Lent by the job. */
  readonly shared: ReadonlyArray<Uint8Array>
}

const noBytes: ReadonlyArray<Uint8Array> = []

/** A function that gives a job its key; it gives `undefined` at once where nothing can differ. @category constructors */
export const keyOf = (
  signature: ModelSignature,
  roles: ReadonlyArray<InputRole>
): (job: Job) => BatchKey | undefined => {
  const optional = signature.requiredInputs < signature.inputs.length
  const shared = roles.filter(({ kind }) => kind === "shared")
  const shaped = roles.filter(({ kind, variable }) => kind === "shared" || kind === "rows" && variable)
  const counted = optional ? roles : shaped
  if (counted.length === 0) return () => undefined

  return (job) => {
    const sizes: Array<number> = []
    for (let i = 0; i < counted.length; i++) {
      const role = counted[i]!
      const tensor = tensorOf(job, role)
      if (tensor === undefined) {
        sizes.push(-1)
        continue
      }
      if (optional && role.kind !== "shared" && !(role.kind === "rows" && role.variable)) {
        sizes.push(0)
        continue
      }
      pushShape(sizes, tensor, role.axis)
    }
    if (shared.length === 0) return { sizes, shared: noBytes }
    const contents: Array<Uint8Array> = []
    for (let i = 0; i < shared.length; i++) {
      const tensor = tensorOf(job, shared[i]!)
      if (tensor !== undefined) contents.push(tensor.data)
    }
    return { sizes, shared: contents }
  }
}

const pushShape = (sizes: Array<number>, { shape }: Tensor, axis: number): void => {
  sizes.push(shape.length)
  for (let d = 0; d < shape.length; d++) if (d !== axis) sizes.push(shape[d]!)
}

/** @category guards */
export const sameKey = (a: BatchKey | undefined, b: BatchKey | undefined): boolean => {
  if (a === b) return true
  if (a === undefined || b === undefined || a.sizes.length !== b.sizes.length || a.shared.length !== b.shared.length) {
    return false
  }
  for (let i = 0; i < a.sizes.length; i++) if (a.sizes[i] !== b.sizes[i]) return false
  for (let i = 0; i < a.shared.length; i++) if (!sameBytes(a.shared[i]!, b.shared[i]!)) return false
  return true
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a === b) return true
  if (a.byteLength !== b.byteLength) return false
  if (a.byteLength > 64) return Buffer.compare(a, b) === 0
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false
  return true
}
