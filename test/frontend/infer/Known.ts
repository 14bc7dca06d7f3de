/** What tests look at of requests that may have been read before. */
import { Result } from "effect"
import type { decode } from "../../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"

/** What was read, without what belongs to the cache. */
export const facts = (result: ReturnType<typeof decode>) =>
  Result.isFailure(result)
    ? { failure: result.failure.message, tag: result.failure._tag }
    : {
      request: {
        ...result.success.request,
        inputs: result.success.request.inputs.map((tensor) => ({ ...tensor, data: [...tensor.data] }))
      },
      outputs: ["Y", "Z"].map((name) => result.success.outputEncoding.of(name)),
      clientTensors: result.success.clientTensors
    }

/** Something like it was read before. */
export const isKnown = (result: ReturnType<typeof decode>) =>
  Result.isSuccess(result) && result.success.answer !== undefined
