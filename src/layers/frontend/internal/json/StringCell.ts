/** Reads strings into the binary form of BYTES: each a 4-byte little-endian length and that many bytes of UTF-8. */
import type { JsonScanner } from "./JsonScanner.ts"
import * as TensorFault from "./TensorFault.ts"

/** Counts the bytes that the tensor will have. @internal */
export class Measure {
  byteSize = 0

  run(scanner: JsonScanner): void {
    if (scanner.peek() !== 0x22) throw TensorFault.notAString()
    this.byteSize += 4 + scanner.skipString()
  }
}

/** Writes strings that were measured before. @internal */
export class Write {
  private offset = 0
  private readonly out: Uint8Array
  constructor(out: Uint8Array) {
    this.out = out
  }

  run(scanner: JsonScanner): void {
    const { out } = this
    const start = scanner.pos + 1
    const length = scanner.skipString()
    const end = scanner.pos - 1
    let o = this.offset
    out[o++] = length
    out[o++] = length >>> 8
    out[o++] = length >>> 16
    out[o++] = length >>> 24
    if (scanner.escaped) scanner.unescape(start, end, out, o)
    else if (length > 64) out.set(scanner.bytes.subarray(start, end), o)
    else for (let i = start; i < end; i++) out[o++] = scanner.bytes[i]!
    this.offset += 4 + length
  }
}
