/** Shared memory for tensors, kept for reuse in size classes. */
import { Layer } from "effect"
import { type Region, TensorMemory } from "../../services/TensorMemory.ts"

/** @category models */
export interface Options {
  /** Bytes kept idle for reuse; what comes back beyond them is left to the garbage collector. Default: 256 MiB. */
  readonly maxIdleBytes?: number
}

const smallestClass = 4096
const largestClass = 64 * 1024 * 1024
/** Classes per doubling, so that at most a fifth of a region lies unused (below the smallest class: more). */
const steps = 4

const classSizes: ReadonlyArray<number> = (() => {
  const sizes: Array<number> = []
  for (let size = smallestClass; size < largestClass; size *= 2) {
    for (let step = 0; step < steps; step++) sizes.push(size + size * step / steps)
  }
  sizes.push(largestClass)
  return sizes
})()

/** The first class that holds `byteLength` bytes. */
const classOf = (byteLength: number): number => {
  if (byteLength <= smallestClass) return 0
  const doubling = 31 - Math.clz32(byteLength - 1)
  const base = 2 ** doubling
  const step = Math.ceil((byteLength - base) * steps / base)
  return (doubling - 12) * steps + step
}

interface SizeClass {
  readonly size: number
  readonly idle: Array<SharedArrayBuffer>
  /** Number of the last acquire or release; the class that nobody uses gives its memory up first. */
  usedAt: number
}

const empty = new Uint8Array(new SharedArrayBuffer(0))
const nothing = () => {}

/**
 * A memory of its own, for embedding without layers.
 *
 * One buffer per region, at offset 0. Taking and giving back are a push and a pop; only over the bound is a class searched for.
 *
 * @category constructors
 */
export const make = (options: Options = {}): TensorMemory["Service"] => {
  const maxIdleBytes = options.maxIdleBytes ?? 256 * 1024 * 1024
  const classes = classSizes.map((size): SizeClass => ({ size, idle: [], usedAt: 0 }))
  let idle = 0
  let inUse = 0
  let uses = 0

  /** Drops idle buffers of other classes, least recently used first, until `bytes` more fit. */
  const makeRoom = (bytes: number, keep: SizeClass) => {
    while (idle + bytes > maxIdleBytes) {
      let oldest: SizeClass | undefined
      for (const candidate of classes) {
        if (
          candidate.idle.length > 0 && candidate !== keep && (oldest === undefined || candidate.usedAt < oldest.usedAt)
        ) {
          oldest = candidate
        }
      }
      if (oldest === undefined) return
      oldest.idle.pop()
      idle -= oldest.size
    }
  }

  const giveBack = (sizeClass: SizeClass, buffer: SharedArrayBuffer) => {
    sizeClass.usedAt = ++uses
    if (idle + sizeClass.size > maxIdleBytes) makeRoom(sizeClass.size, sizeClass)
    if (idle + sizeClass.size > maxIdleBytes) return
    sizeClass.idle.push(buffer)
    idle += sizeClass.size
  }

  const regionOf = (buffer: SharedArrayBuffer, byteLength: number, sizeClass: SizeClass | undefined): Region => {
    let held = true
    inUse += buffer.byteLength
    return {
      bytes: new Uint8Array(buffer, 0, byteLength),
      release: () => {
        if (!held) return
        held = false
        inUse -= buffer.byteLength
        if (sizeClass !== undefined) giveBack(sizeClass, buffer)
      }
    }
  }

  return {
    acquire: (byteLength) => {
      if (byteLength === 0) return { bytes: empty, release: nothing }
      if (byteLength > largestClass) return regionOf(new SharedArrayBuffer(byteLength), byteLength, undefined)
      const sizeClass = classes[classOf(byteLength)]!
      sizeClass.usedAt = ++uses
      const kept = sizeClass.idle.pop()
      if (kept === undefined) return regionOf(new SharedArrayBuffer(sizeClass.size), byteLength, sizeClass)
      idle -= sizeClass.size
      return regionOf(kept, byteLength, sizeClass)
    },
    usage: () => ({ idle, inUse })
  }
}

/** Shared memory with default options. @category layers */
export const layer: Layer.Layer<TensorMemory> = Layer.sync(TensorMemory, () => make())

/** Shared memory that keeps as much idle as the options say. @category layers */
export const layerWith = (options: Options): Layer.Layer<TensorMemory> => Layer.sync(TensorMemory, () => make(options))
