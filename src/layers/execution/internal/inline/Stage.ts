/** Memory of one small input or output of a session, with the tensor that the last run had over it. */
import type { DataType } from "../../../../schema/DataType.ts"
import * as NativeView from "../NativeView.ts"
import type { NativeTensor } from "../OrtSession.ts"

/** Tensors up to so many bytes are copied in and out of memory that the runtime knows: cheaper than a new view for each. @category constants */
export const capacity = 4096

const sameDims = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** @category models */
export class Stage {
  readonly bytes = new Uint8Array(new ArrayBuffer(capacity))
  /** Number of the last run that used it. */
  run = 0
  private tensor: NativeTensor | undefined
  private datatype: DataType | undefined

  /** The first bytes as a tensor. */
  view(datatype: DataType, elements: number, dims: ReadonlyArray<number>): NativeTensor {
    const last = this.tensor
    if (last !== undefined && this.datatype === datatype && sameDims(last.dims, dims)) return last
    this.datatype = datatype
    // A shape of its own: whoever gave this one may put other numbers into it for the next run.
    this.tensor = NativeView.tensor(datatype, this.bytes.buffer, 0, elements, dims.slice())
    return this.tensor
  }
}
