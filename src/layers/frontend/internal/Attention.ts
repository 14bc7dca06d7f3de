/**
 * Keeps the main thread awake for a moment after an answer, where the client is likely to ask again at once.
 *
 * A thread that sleeps is woken in some ten microseconds, and finds its processor slow and its caches cold: a tiny request costs three
 * times as much then. Clients that send one request after the other ask again before the moment is over.
 */
import { availableParallelism } from "node:os"

/** Milliseconds from the last answer on: about what a client on the same machine takes to ask again. */
const moment = 0.05

/** Who had to share one processor with its clients would keep them from asking. */
const mayLook = availableParallelism() > 1

let until = 0
let looking = false

const look = (): void => {
  if (performance.now() < until) setImmediate(look)
  else looking = false
}

/** An answer left. @internal */
export const stayAwake = (): void => {
  if (!mayLook) return
  until = performance.now() + moment
  if (looking) return
  looking = true
  setImmediate(look)
}
