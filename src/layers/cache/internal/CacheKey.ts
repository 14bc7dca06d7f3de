/**
 * What makes two requests the same.
 *
 * A hash finds, bytes decide: equal hashes alone answer nothing, so that a quick one will do, and what collides only takes the place of
 * the other. Every part is preceded by its length, so that no two
 * different requests are written alike.
 */
import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import type { Tensor } from "../../../schema/Inference.ts"
import { compareNames } from "../../../schema/ModelSignature.ts"
import type { Job } from "../../../services/Scheduler.ts"

/** What tells a key from others. The tensors are borrowed as long as the job's are. @category models */
export interface Identity {
  /** The head, and a checksum of the bytes of the inputs: what it is found by in this process. */
  readonly hash: string
  /** Everything but the bytes of the inputs: model, version, its identity, outputs, and of each input name, datatype, shape, length. */
  readonly head: string
  /** Sorted by name. */
  readonly inputs: ReadonlyArray<Tensor>
}

/** @category models */
export interface CacheKey extends Identity {
  /** Of the bytes of the inputs: 32 bits. */
  readonly checksum: number
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
      let checksum = 0
      for (let i = 0; i < inputs.length; i++) checksum = crc32(inputs[i]!.data, checksum)
      return { hash: head + checksum, checksum, head, inputs, wanted: job.outputs }
    }
  }
}

/** SHA-256 of all of it in hexadecimal: the name that it has among everybody's. Ten times as slow as `hash`. @category getters */
export const digest = ({ head, inputs }: Identity): string => {
  const hash = createHash("sha256").update(head)
  for (let i = 0; i < inputs.length; i++) hash.update(inputs[i]!.data)
  return hash.digest("hex")
}

/** Same number of inputs and same lengths, where the heads are equal: only the bytes are left to look at. */
const sameBytes = (a: ReadonlyArray<Tensor>, b: ReadonlyArray<Tensor>): boolean => {
  for (let i = 0; i < a.length; i++) if (Buffer.compare(a[i]!.data, b[i]!.data) !== 0) return false
  return true
}

/** @category predicates */
export const equals = (a: Identity, b: Identity): boolean => a.head === b.head && sameBytes(a.inputs, b.inputs)
