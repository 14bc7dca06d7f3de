/**
 * How large the inputs of a run may be on the main thread where their sizes are open: no larger than those with which the model was
 * measured.
 */
import type { Tensor } from "../../../../schema/Inference.ts"
import type * as RunRequest from "../RunRequest.ts"

/** Of one input, in the order of the plan. @category models */
export interface InputBound {
  /** The largest size of each dimension. */
  readonly dims: ReadonlyArray<number>
  /** Bytes of all strings together, with the length before each; `Infinity` where it has none. */
  readonly stringBytes: number
}

const shapeText = (shape: ReadonlyArray<number>) => `[${shape.join(",")}]`

/** What of a run is beyond the bounds: a sentence part. @category getters */
export const excess = (
  bounds: ReadonlyArray<InputBound>,
  layout: RunRequest.Layout,
  inputs: ReadonlyArray<Tensor>
): string | undefined => {
  for (let i = 0; i < inputs.length; i++) {
    const { data, name, shape } = inputs[i]!
    const index = layout.inputIndex.get(name)
    // It is refused before it runs.
    if (index === undefined) continue
    const { dims, stringBytes } = bounds[index]!
    let fits = shape.length === dims.length
    for (let d = 0; fits && d < dims.length; d++) fits = shape[d]! <= dims[d]!
    if (!fits) {
      return `input '${name}' of a run was ${shapeText(shape)}, and at most ${shapeText(dims)} when it was measured`
    }
    if (data.byteLength > stringBytes) {
      return `input '${name}' of a run had ${data.byteLength} bytes of strings, and at most ${stringBytes} when it was measured`
    }
  }
  return undefined
}
