/** Memory of the bodies of requests, of which there is one at a time. */

/** Larger bodies are rare: their memory is left to the garbage collector. */
const maxKept = 4 * 1024 * 1024

/** @category models */
export class BodyMemory {
  private free: Uint8Array | undefined = undefined

  /** So many bytes of whatever content. */
  take(size: number): Uint8Array {
    const { free } = this
    this.free = undefined
    // The next one is about as large as this one.
    const bytes = free !== undefined && free.length >= size ? free : Buffer.allocUnsafeSlow(size + (size >> 2))
    return bytes.subarray(0, size)
  }

  /** Nobody reads or writes it any more: the next one may have its memory. What is never given is left to the garbage collector. */
  give({ buffer }: Uint8Array): void {
    if (buffer.byteLength <= maxKept) this.free = new Uint8Array(buffer)
  }
}
