/**
 * What makes two requests the same.
 *
 * A hash finds, bytes decide: equal digests alone answer nothing. Every part is preceded by its length, so that no two
 * different requests are written alike.
 */
import { createHash } from "node:crypto"
import type { Tensor } from "../../../schema/Inference.ts"
import { compareNames } from "../../../schema/ModelSignature.ts"
import type { Job } from "../../../services/Scheduler.ts"

/** What tells a key from others. The tensors are borrowed as long as the job's are. @category models */
export interface Identity {
  /** SHA-256 of all below, one character a byte. */
  readonly digest: string
  /** Everything but the bytes of the inputs: model, version, its identity, outputs, and of each input name, datatype, shape, length. */
  readonly head: string
  /** Sorted by name. */
  readonly inputs: ReadonlyArray<Tensor>
}

/** @category models */
export interface CacheKey extends Identity {
  /** Names of the outputs that an answer must have, in this order. */
  readonly wanted: ReadonlyArray<string>
}

/** What is the same in all requests to a version. @category models */
export interface KeyScheme {
  readonly keyOf: (job: Job) => CacheKey
}

const text = (value: string): string => `${value.length}:${value}`

const byName = (inputs: ReadonlyArray<Tensor>): ReadonlyArray<Tensor> => {
  for (let i = 1; i < inputs.length; i++) {
    if (compareNames(inputs[i - 1]!.name, inputs[i]!.name) > 0) {
      return inputs.toSorted((a, b) => compareNames(a.name, b.name))
    }
  }
  return inputs
}

/** @category constructors */
export const scheme = (version: {
  readonly model: string
  readonly version: number
  readonly identity: string
}): KeyScheme => {
  const prefix = text(version.model) + text(String(version.version)) + text(version.identity)
  /** Most requests ask for the same outputs, by the same array. */
  let lastOutputs: ReadonlyArray<string> = []
  let lastPrefix = `${prefix}0;`

  const prefixOf = (outputs: ReadonlyArray<string>): string => {
    if (outputs !== lastOutputs) {
      lastPrefix = `${prefix}${outputs.length};${outputs.map(text).join("")}`
      lastOutputs = outputs
    }
    return lastPrefix
  }

  return {
    keyOf: (job) => {
      const inputs = byName(job.inputs)
      let head = `${prefixOf(job.outputs)}${inputs.length};`
      for (let i = 0; i < inputs.length; i++) {
        const { data, datatype, name, shape } = inputs[i]!
        head += `${text(name)}${datatype}[${shape.join()}]${data.byteLength};`
      }
      const hash = createHash("sha256").update(head)
      for (let i = 0; i < inputs.length; i++) hash.update(inputs[i]!.data)
      return { digest: hash.digest("binary"), head, inputs, wanted: job.outputs }
    }
  }
}

/** Same number of inputs and same lengths, where the heads are equal: only the bytes are left to look at. */
const sameBytes = (a: ReadonlyArray<Tensor>, b: ReadonlyArray<Tensor>): boolean => {
  for (let i = 0; i < a.length; i++) if (Buffer.compare(a[i]!.data, b[i]!.data) !== 0) return false
  return true
}

/** @category predicates */
export const equals = (a: Identity, b: Identity): boolean => a.head === b.head && sameBytes(a.inputs, b.inputs)
