/** Answers in the memory of this process: a budget of bytes, from which the least recently used ones go first. */
import type { Tensor } from "../../../schema/Inference.ts"
import type { LocalUsage } from "../../../services/ResponseCache.ts"
import * as ByteCopy from "../../ByteCopy.ts"
import * as CacheKey from "./CacheKey.ts"
import { type Answer, exists, inserted, type Insertion } from "./CacheStore.ts"

/** @category models */
export interface Options {
  /** Bytes that entries may take together, with what they cost beside their tensors. */
  readonly capacity: number
  /** Nanoseconds after which an entry is not used any more; infinite: for as long as there is room. */
  readonly ttlNanos: number
}

/** Bytes that an entry costs beside its texts and tensors: its place in the table, its objects, its buffer. */
const entryOverhead = 1024
/** Bytes that each tensor costs beside its bytes. */
const tensorOverhead = 320
/** Tensors begin at multiples of it, so that any element type can be read in place. */
const alignment = 8

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

interface Entry extends CacheKey.Identity {
  readonly outputs: Answer
  readonly bytes: number
  readonly expiresAt: number
}

const bufferBytes = (tensors: ReadonlyArray<Tensor>): number => {
  let bytes = 0
  for (let i = 0; i < tensors.length; i++) bytes += aligned(tensors[i]!.data.byteLength)
  return bytes
}

/** Bytes that an answer to a key takes of the budget. @category getters */
export const sizeOf = ({ head, inputs }: CacheKey.Identity, outputs: Answer): number =>
  entryOverhead + 4 * head.length + (inputs.length + outputs.length) * tensorOverhead + bufferBytes(inputs) +
  bufferBytes(outputs)

/** @category models */
export class LocalStore {
  private readonly options: Options
  /** In the order of their last use, the latest at the end. One entry for each hash. */
  private readonly entries = new Map<string, Entry>()
  private bytes = 0
  private lookups = 0
  private hits = 0
  private evictions = 0
  private lookupNanos = 0
  private insertionNanos = 0

  constructor(options: Options) {
    this.options = options
  }

  lookup(key: CacheKey.CacheKey, now: number): Answer | undefined {
    this.lookups++
    const entry = this.entries.get(key.hash)
    if (entry === undefined || !CacheKey.equals(entry, key)) return undefined
    if (entry.expiresAt <= now) {
      this.drop(entry)
      return undefined
    }
    this.touch(entry)
    this.hits++
    return entry.outputs
  }

  /** `age`: nanoseconds that the answer has been known elsewhere. */
  insert(key: CacheKey.CacheKey, outputs: Answer, now: number, age = 0): Insertion {
    const { capacity, ttlNanos } = this.options
    const { hash, head } = key
    const known = this.entries.get(hash)
    if (known !== undefined) {
      if (known.expiresAt > now && CacheKey.equals(known, key)) {
        this.touch(known)
        return exists
      }
      this.drop(known)
    }
    const bytes = sizeOf(key, outputs)
    if (bytes > capacity) {
      return {
        _tag: "Failed",
        reason: "larger than the cache",
        message: `Requested byte_size: ${bytes} is greater than total cache size: ${capacity}`
      }
    }
    const copy = copier(bufferBytes(key.inputs) + bufferBytes(outputs))
    if (copy === undefined) {
      return { _tag: "Failed", reason: "no memory", message: `there is no memory for an entry of ${bytes} bytes` }
    }
    const entry: Entry = {
      hash,
      head,
      inputs: key.inputs.map(copy),
      outputs: outputs.map(copy),
      bytes,
      expiresAt: now - age + ttlNanos
    }
    for (const oldest of this.entries.values()) {
      if (this.bytes + bytes <= capacity) break
      this.drop(oldest)
      this.evictions++
    }
    this.entries.set(hash, entry)
    this.bytes += bytes
    return inserted
  }

  /** Counts what looking up and inserting took its callers, hashing and copying included. */
  took(lookupNanos: number, insertionNanos: number): void {
    this.lookupNanos += lookupNanos
    this.insertionNanos += insertionNanos
  }

  usage(): LocalUsage {
    const { bytes, entries, evictions, hits, insertionNanos, lookupNanos, lookups, options } = this
    return {
      bytes,
      capacity: options.capacity,
      entries: entries.size,
      lookups,
      hits,
      evictions,
      lookupNanos,
      insertionNanos
    }
  }

  private touch(entry: Entry): void {
    this.entries.delete(entry.hash)
    this.entries.set(entry.hash, entry)
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry.hash)
    this.bytes -= entry.bytes
  }
}

const allocate = (bytes: number): ArrayBuffer | undefined => {
  try {
    return new ArrayBuffer(bytes)
  } catch {
    return undefined
  }
}

/** Copies tensors one behind the other into one buffer; `undefined` where there is no memory for it. */
const copier = (bytes: number): ((tensor: Tensor) => Tensor) | undefined => {
  const buffer = allocate(bytes)
  if (buffer === undefined) return undefined
  let at = 0
  return ({ data, datatype, name, shape }) => {
    const copy = new Uint8Array(buffer, at, data.byteLength)
    ByteCopy.whole(data, copy, 0)
    at += aligned(data.byteLength)
    return { name, datatype, shape: shape.slice(), data: copy }
  }
}
