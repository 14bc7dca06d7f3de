/** The last that a process has printed: what a native runtime says before it ends the process is said nowhere else. */
import type { Readable } from "node:stream"

const maxBytes = 4096

/** @category models */
export class LastWords {
  private parts: Array<Buffer> = []
  private size = 0

  listen(stream: Readable): void {
    stream.on("data", (bytes: Buffer) => this.add(bytes))
    stream.on("error", () => {})
  }

  text(): string {
    return Buffer.concat(this.parts).subarray(-maxBytes).toString("utf8").trim()
  }

  private add(bytes: Buffer): void {
    this.parts.push(Buffer.from(bytes.subarray(-maxBytes)))
    this.size += Math.min(bytes.byteLength, maxBytes)
    if (this.size < 4 * maxBytes) return
    const kept = Buffer.from(Buffer.concat(this.parts).subarray(-maxBytes))
    this.parts = [kept]
    this.size = kept.byteLength
  }
}
