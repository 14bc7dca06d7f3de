/** Tries a call again as its policy says. */
import { delayMillis, type RetryPolicy } from "../Retry.ts"
import type { Patience } from "./Time.ts"

/** Tries until it succeeds, or shall not be tried again. A pause longer than the time that is left is not begun. @internal */
export const tried = async <A>(
  policy: RetryPolicy | false,
  time: Patience,
  attempt: () => Promise<A>
): Promise<A> => {
  for (let failures = 1;; failures++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      return await attempt()
    } catch (error) {
      const delay = delayMillis(policy, error, failures, Math.random())
      if (delay === undefined || delay >= (time.left() ?? Infinity)) throw error
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      await time.pause(delay)
    }
  }
}
