/** BYTES tensors: elements of a 4-byte little-endian length and that many bytes. */
import { lengthAt } from "../../../schema/BytesElements.ts"
import type { InferenceRequest, Tensor } from "../../../schema/Inference.ts"
import { requestPrefix } from "./RequestPrefix.ts"

/** What is wrong with the elements of a BYTES tensor that should hold `expected` of them; `undefined`: nothing. */
export const bytesProblem = (
  input: Tensor,
  expected: number,
  model: string,
  request: InferenceRequest
): string | undefined => {
  const { data } = input
  const end = data.byteLength
  let position = 0
  let count = 0
  while (position < end) {
    if (count === expected) {
      return `${requestPrefix(request)}unexpected number of string elements ${
        count + 1
      } for inference input '${input.name}' for model ` +
        `'${model}', expecting ${expected}`
    }
    const left = end - position
    if (left < 4) {
      return `${
        requestPrefix(request)
      }incomplete string length indicator for inference input '${input.name}' for model '${model}', ` +
        `expecting 4 bytes but only ${left} bytes available. Please make sure the string length indicator is in one buffer.`
    }
    const length = lengthAt(data, position)
    if (length > left - 4) {
      return `incomplete string data for inference input '${input.name}', expecting string of length ${length} but only ` +
        `${left - 4} bytes available`
    }
    position += 4 + length
    count++
  }
  return count === expected
    ? undefined
    : `${
      requestPrefix(request)
    }expected ${expected} string elements for inference input '${input.name}' for model '${model}', got ${count}`
}
