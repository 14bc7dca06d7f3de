/** What the system means when it starts no process and no thread. */

const advice: Readonly<Record<string, string>> = {
  EMFILE: "the server has as many files open as it may; raise its limit (ulimit -n)",
  ENFILE: "the machine has as many files open as it can",
  EAGAIN:
    "there are as many processes and threads as there may be; raise the limit (ulimit -u, or pids of the container)",
  ENOMEM: "there is not enough memory"
}

/** The words of an error, with what helps behind them where that is known. @category formatting */
export const wordsOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  // A thread has the code at the end of its message only.
  const code = /\b(?:EMFILE|ENFILE|EAGAIN|ENOMEM)$/.exec(message)?.[0]
  return code === undefined ? message : `${message}: ${advice[code]}`
}
