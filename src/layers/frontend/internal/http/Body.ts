/**
 * Receives request bodies: small ones as they come, large tensors straight into the shared memory that execution reads.
 *
 * Source: protocol §2.2 (chunks), §4.2 (layout).
 */
import type { Region, TensorMemory } from "../../../../services/TensorMemory.ts"
import * as ByteCopy from "../../../ByteCopy.ts"
import * as SmallMemory from "../SmallMemory.ts"
import type { Call } from "./Call.ts"

/** @internal */
export interface Plan {
  readonly memory: TensorMemory["Service"]
  /**
   * Where the binary section begins in the body; `undefined` when the body has none. A large body is laid out so that this
   * place is aligned to 64 bytes.
   */
  readonly binaryAt: number | undefined
  /** Nothing of the body is needed any more once `onBody` returns: what came at once is not copied. */
  readonly isBrief?: boolean
  /** Most bytes of a body that does not announce its size. */
  readonly maxChunked: number
  /** Refuses a chunked body that grew beyond `maxChunked`; `size` is what has come so far. */
  readonly onTooLarge: (size: number) => void
}

/** A body with tensors goes to shared memory from this size on. */
const minShared = 16 * 1024
const alignment = 64
/** Bytes of the largest element. */
const tensorAlignment = 8

/** Chunks of this size are freed at once when they were copied, instead of by the garbage collector. */
const minDetached = 4096

/** Most chunks that a chunked body may have. */
const maxChunks = 65536
/** A piece of this size pays for itself and does not count as a chunk, because the network may have cut it from a large one. */
const freeChunk = 1024

const empty = Buffer.alloc(0)

/**
 * Receives the body of a call that has entered the limits, then calls `onBody` once. The bytes belong to the call until it is
 * over. Nothing is called for a client that goes away before its body is complete.
 *
 * @internal
 */
export const receive = (call: Call, plan: Plan, onBody: (body: Uint8Array) => void): void => {
  const length = call.contentLength
  if (length === 0) {
    call.bodyEnded()
    onBody(empty)
  } else if (length === undefined) {
    receiveChunked(call, plan, onBody)
  } else {
    receiveSized(call, length, plan, onBody)
  }
}

const receiveSized = (call: Call, length: number, plan: Plan, onBody: (body: Uint8Array) => void): void => {
  const { request } = call
  const whole = request.takeWhole?.()
  if (whole !== undefined) return receiveWhole(call, whole, plan, onBody)
  let target: Uint8Array | undefined
  if (request.fill !== undefined) {
    call.receive(() => request.resume())
    request.fill(() => target = allocate(call, length, plan), () => {
      const body = target
      target = undefined
      if (!call.receiving || body === undefined) return
      call.bodyEnded()
      call.guard(() => onBody(body))
    })
    return
  }
  let at = 0
  call.receive(() => {
    target = undefined
  })
  call.request.on("data", (chunk: Buffer) => {
    if (!call.receiving) return
    if (at === 0 && chunk.length === length && (length < minShared || plan.binaryAt === undefined)) {
      call.bodyEnded()
      return call.guard(() => onBody(chunk))
    }
    target ??= allocate(call, length, plan)
    if (target === undefined) return
    at = copy(chunk, target, at)
    if (at === length) {
      const body = target
      call.bodyEnded()
      call.guard(() => onBody(body))
    }
  })
}

/** Bodies that came at once are copied where they are needed for longer: their memory is read into again. */
const receiveWhole = (call: Call, whole: Buffer, plan: Plan, onBody: (body: Uint8Array) => void): void => {
  if (plan.isBrief === true) {
    call.bodyEnded()
    return onBody(whole)
  }
  const target = whole.length < minShared ? small(whole.length, plan.binaryAt) : allocate(call, whole.length, plan)
  if (target === undefined) return
  ByteCopy.whole(whole, target, 0)
  call.bodyEnded()
  onBody(target)
}

/** Memory in which the binary section is aligned for every type. */
const small = (length: number, binaryAt = 0): Uint8Array => {
  if (length <= SmallMemory.largest) return SmallMemory.take(length, binaryAt)
  const memory = Buffer.allocUnsafe(length + tensorAlignment)
  const padding = (tensorAlignment - (memory.byteOffset + binaryAt) % tensorAlignment) % tensorAlignment
  return memory.subarray(padding, padding + length)
}

const receiveChunked = (call: Call, plan: Plan, onBody: (body: Uint8Array) => void): void => {
  let chunks: Array<Buffer> = []
  let size = 0
  let counted = 0
  call.receive(() => {
    chunks = []
  })
  call.request.on("data", (chunk: Buffer) => {
    if (!call.receiving) return
    if (chunk.length < freeChunk && ++counted > maxChunks) {
      call.close()
      return call.error(
        400,
        `Chunked request body exceeds maximum of ${maxChunks} non-empty chunks. Send fewer or larger HTTP chunks.`
      )
    }
    size += chunk.length
    if (size > plan.maxChunked) return plan.onTooLarge(size)
    const refusal = call.grow(chunk.length)
    if (refusal !== undefined) return call.overloaded(refusal)
    chunks.push(chunk)
  })
  call.request.on("end", () => {
    if (!call.receiving) return
    const body = size === 0 ? empty : chunks.length === 1 ? chunks[0]! : join(call, chunks, size, plan)
    if (body === undefined) return
    call.bodyEnded()
    call.guard(() => onBody(body))
  })
}

const join = (call: Call, chunks: ReadonlyArray<Buffer>, size: number, plan: Plan): Uint8Array | undefined => {
  const target = allocate(call, size, plan)
  if (target === undefined) return undefined
  let at = 0
  for (const chunk of chunks) at = copy(chunk, target, at)
  return target
}

/** Memory for a body; where there is none the call is refused. */
const allocate = (call: Call, length: number, plan: Plan): Uint8Array | undefined => {
  try {
    if (plan.binaryAt === undefined || length < minShared) return Buffer.allocUnsafeSlow(length)
    const padding = (alignment - plan.binaryAt % alignment) % alignment
    const region = plan.memory.acquire(padding + length)
    call.hold({ release: () => free(call, region) })
    return region.bytes.subarray(padding, padding + length)
  } catch {
    call.overloaded(`There is no memory for a request body of ${length} bytes. Retry later, or send less at a time.`)
    return undefined
  }
}

/** Gives memory back once nothing of the body is written to it any more. */
const free = ({ request }: Call, region: Region): void => {
  if (request.whenFilled === undefined) region.release()
  else request.whenFilled(() => region.release())
}

/**
 * Copies a whole chunk and gives the place behind it. The chunk is not usable afterwards.
 *
 * A chunk that owns its memory is detached, which frees it now: left to the garbage collector, large bodies make it run every
 * few dozen requests.
 */
const copy = (chunk: Buffer, target: Uint8Array, at: number): number => {
  const { buffer, length } = chunk
  const end = ByteCopy.whole(chunk, target, at)
  if (length >= minDetached && length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
  return end
}
