/** What the system means when it starts no process and no thread. */

import * as SystemAdvice from "../../SystemAdvice.ts"

/** The words of an error, with what helps behind them where that is known. @category formatting */
export const wordsOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  // A thread has the code at the end of its message only.
  const code = /\b(?:EMFILE|ENFILE|EAGAIN|ENOMEM)$/.exec(message)?.[0]
  return code === undefined ? message : `${message}: ${SystemAdvice.of(code)}`
}
