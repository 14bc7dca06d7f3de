/** Reads the `shape` of an input and counts its elements without overflow. */
import type { DataType } from "../../../../schema/DataType.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import type { JsonScanner } from "../json/JsonScanner.ts"
import * as TensorScanner from "../json/TensorScanner.ts"
import * as RequestFault from "./RequestFault.ts"

const largest = 9223372036854775807n

/** @internal */
export class ShapeReader {
  dims: Array<number | bigint> = []
  present = false
  private exact = true
  private fault: Error | undefined = undefined

  /** Reads the value at the cursor; what is wrong with it is told by {@link check}. */
  read(scanner: JsonScanner): void {
    if (this.present) return scanner.skip()
    this.present = true
    if (scanner.peek() !== 0x5b) {
      this.fault = RequestFault.wrongKind("shape", "array", "array")
      return scanner.skip()
    }
    if (!scanner.openArray()) return
    do {
      if (this.fault !== undefined) {
        scanner.skip()
        continue
      }
      const dim = scanner.scalar()
      if ((typeof dim !== "number" && typeof dim !== "bigint") || dim < 0) {
        this.fault = RequestFault.wrongKind("shape", "unsigned-integer", "unsigned-integer")
      } else if (this.dims.length === RequestFault.maximumRank) {
        this.fault = RequestFault.invalid(`a shape has more than ${RequestFault.maximumRank} dimensions`)
      } else {
        if (typeof dim === "bigint") this.exact = false
        this.dims.push(dim)
      }
    } while (scanner.moreElements())
  }

  /** No fault was met and the shape is there. */
  isGood(): boolean {
    return this.present && this.fault === undefined
  }

  check(): void {
    if (!this.present) throw RequestFault.missing("shape")
    if (this.fault !== undefined) throw this.fault
  }

  /** The shape; a dimension beyond 2^53, which no model can have, is rounded. */
  shape(): ReadonlyArray<number> {
    return this.exact ? this.dims as ReadonlyArray<number> : this.dims.map(Number)
  }

  /**
   * Elements of the shape, 0 for `[]`. Fails where a count or size does not fit 63 bits, or no JSON of `limit` bytes could fill it.
   */
  elementCount(name: string, datatype: DataType, limit: number): number {
    if (this.dims.length === 0) return 0
    let count = 1
    if (this.exact) {
      for (const dim of this.dims as ReadonlyArray<number>) count *= dim
      if (count <= Number.MAX_SAFE_INTEGER) return count
    }
    const product = this.dims.reduce((total: bigint, dim) => total * BigInt(dim), 1n)
    if (product > largest) {
      throw RequestFault.invalid(
        `invalid shape for input '${name}': shape [${
          this.dims.join(",")
        }] causes total element count to exceed maximum size of ${largest}`
      )
    }
    const size = BigInt(byteSize(datatype))
    if (product * size > largest) {
      throw RequestFault.invalid(
        `byte size overflow for input '${name}': element count (${product}) * data type size (${size}) ` +
          `exceeds maximum allowed size (${largest})`
      )
    }
    if (product * size > limit) throw TensorScanner.tooLarge(name, product * size, limit)
    return Number(product)
  }
}
