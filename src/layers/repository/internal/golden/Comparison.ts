/** Compares an output with what is expected of it. */
import type { DataType } from "../../../../schema/DataType.ts"
import type { Tolerance } from "../../../../schema/GoldenRequest.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import { elementCount } from "../../../../schema/Shape.ts"
import * as TensorComparison from "../../../../schema/TensorComparison.ts"
import * as Elements from "./Elements.ts"

/** Elements that are not as expected. @category models */
export interface Difference {
  /** The first of them, counted row-major. */
  readonly index: number
  readonly expected: string
  readonly got: string
  /** How many there are, of how many. */
  readonly count: number
  readonly total: number
}

/**
 * What is different; `undefined`: nothing. Both tensors have the same datatype and shape. Only floats are compared with a tolerance.
 *
 * @category getters
 */
export const compare = (
  expected: Tensor,
  got: Tensor,
  { absolute, nan_equal: nanEqual, relative }: Required<Tolerance>
): Difference | undefined => {
  const { differing, first } = TensorComparison.measure(
    expected,
    got,
    Elements.isFloat(expected.datatype) ? { absolute, relative, nanEqual } : TensorComparison.exact
  )
  return first && {
    index: first.index,
    expected: first.expected,
    got: first.got,
    count: differing,
    total: elementCount(expected.shape)
  }
}

/** What was allowed, as a part of a sentence. @category formatting */
export const describe = (datatype: DataType, { absolute, nan_equal, relative }: Required<Tolerance>): string =>
  Elements.isFloat(datatype)
    ? `tolerance ${absolute} and ${relative} of the expected value${nan_equal ? "" : ", NaN equals nothing"}`
    : `${datatype} must be equal`
