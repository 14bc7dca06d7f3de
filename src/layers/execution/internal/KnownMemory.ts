/**
 * Which pieces of shared memory one worker knows, by number.
 *
 * Naming memory costs a message, so a worker keeps what it was told. Bounded, because what it keeps cannot be freed.
 */
import type { MessagePort } from "node:worker_threads"
import type { ToWorker } from "./Mailbox.ts"

/** Pieces that a worker keeps. Beyond it the piece not used for longest is forgotten. */
const maxKnown = 256
/** Bytes that a worker keeps. */
const maxKnownBytes = 64 * 1024 * 1024
/** Larger pieces are named for one run only. */
const maxKeptBytes = 16 * 1024 * 1024

/** @category models */
export class KnownMemory {
  private readonly ids = new Map<SharedArrayBuffer, number>()
  private bytes = 0
  private nextId = 1
  private readonly port: MessagePort

  constructor(port: MessagePort) {
    this.port = port
  }

  /** The id of a piece of memory for the run of this number, told to the worker where it does not know it. */
  idOf(buffer: SharedArrayBuffer, run: number): number {
    const known = this.ids.get(buffer)
    if (known !== undefined) return known
    const id = this.nextId++
    const kept = buffer.byteLength <= maxKeptBytes
    this.port.postMessage({ _tag: "Memory", id, buffer, once: kept ? 0 : run } satisfies ToWorker)
    if (!kept) return id
    this.ids.set(buffer, id)
    this.bytes += buffer.byteLength
    return id
  }

  /** Beyond the bounds: to be trimmed before more runs are written. */
  get full(): boolean {
    return this.ids.size > maxKnown || this.bytes > maxKnownBytes
  }

  /** Keeps within the bounds; called between runs, when no id is in use. */
  trim(): void {
    if (!this.full) return
    for (const [buffer, id] of this.ids) {
      this.ids.delete(buffer)
      this.bytes -= buffer.byteLength
      this.port.postMessage({ _tag: "Forget", id } satisfies ToWorker)
      if (this.ids.size <= maxKnown / 2 && this.bytes <= maxKnownBytes / 2) return
    }
  }
}
