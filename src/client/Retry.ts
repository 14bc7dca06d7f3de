/** When a call that failed is tried again. */
import { InferenceServerError } from "./InferenceServerError.ts"

/**
 * Calls that may succeed later are tried again: no answer came, or the server said that it has no room now (429, 502, 503).
 * Requests of sequences, load and unload are never sent twice.
 *
 * @category models
 */
export interface RetryPolicy {
  /** Tries in all. Default 4; 1: none but the first. */
  readonly attempts?: number | undefined
  /** Milliseconds before the second try; each further pause is twice as long, and a random part of up to a half is left out. Default 100. */
  readonly baseDelayMillis?: number | undefined
  /** Milliseconds that a pause has at most, unless the server asks for more in `Retry-After`. Default 5000. */
  readonly maxDelayMillis?: number | undefined
  /** A server that wants a longer pause than so many milliseconds is not asked again. Default 30000. */
  readonly maxRetryAfterMillis?: number | undefined
}

/**
 * Milliseconds to wait before the next try after `failures` failed ones, `undefined` when there shall be none.
 * `random` is from 0 to 1.
 *
 * @internal
 */
export const delayMillis = (
  policy: RetryPolicy | false,
  error: unknown,
  failures: number,
  random: number
): number | undefined => {
  if (policy === false || !(error instanceof InferenceServerError) || !error.retryable) return undefined
  const { attempts = 4, baseDelayMillis = 100, maxDelayMillis = 5000, maxRetryAfterMillis = 30_000 } = policy
  const wanted = error.retryAfterMillis ?? 0
  if (failures >= attempts || wanted > maxRetryAfterMillis) return undefined
  const pause = Math.min(maxDelayMillis, baseDelayMillis * 2 ** (failures - 1)) * (1 - random / 2)
  return Math.max(pause, wanted)
}
