/** Reads `true` and `false` into bytes 1 and 0. */
import type { JsonScanner } from "./JsonScanner.ts"
import * as TensorFault from "./TensorFault.ts"

/** @internal */
export class BooleanCell {
  index = 0
  private readonly out: Uint8Array
  constructor(out: Uint8Array) {
    this.out = out
  }

  run(scanner: JsonScanner): void {
    if (this.index >= this.out.length) throw TensorFault.tooMany()
    const value = scanner.scalar()
    if (typeof value !== "boolean") throw TensorFault.wrongKind("boolean", "boolean")
    this.out[this.index++] = value ? 1 : 0
  }
}
