/** Carries large tensors to a thread: it sees the memory where they lie. */
import type { MessagePort } from "node:worker_threads"
import type { TensorMemory } from "../../../services/TensorMemory.ts"
import { KnownMemory } from "./KnownMemory.ts"
import type { Carrier, Written } from "./RunRequest.ts"

/** @category models */
export class SharedCarrier implements Carrier {
  readonly known: KnownMemory
  offset = 0
  private readonly memory: TensorMemory["Service"]

  constructor(memory: TensorMemory["Service"], port: MessagePort) {
    this.memory = memory
    this.known = new KnownMemory(port)
  }

  /** Shared memory is named as it is, unless elements would not be aligned; the rest is copied once. */
  input(run: number, data: Uint8Array, elementSize: number, written: Written): number {
    if (data.buffer instanceof SharedArrayBuffer && (elementSize < 2 || data.byteOffset % elementSize === 0)) {
      this.offset = data.byteOffset
      return this.known.idOf(data.buffer, run)
    }
    const region = this.memory.acquire(data.byteLength)
    region.bytes.set(data)
    written.copies.push(region)
    this.offset = region.bytes.byteOffset
    return this.known.idOf(region.bytes.buffer, run)
  }

  output(run: number, byteLength: number, written: Written): number {
    const region = this.memory.acquire(byteLength)
    written.regions.push(region)
    this.offset = region.bytes.byteOffset
    return this.known.idOf(region.bytes.buffer, run)
  }
}
