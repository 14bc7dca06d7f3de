/**
 * Keeps a thread awake for a moment after an answer, where the client is likely to ask again at once.
 *
 * A thread that sleeps is woken in some ten microseconds, and finds its processor slow and its caches cold: a tiny request costs three
 * times as much then. Clients that send one request after the other ask again before the moment is over.
 */
import { availableParallelism } from "node:os"

/** Milliseconds from the last answer on: about what a client on the same machine takes to ask again. */
const moment = 0.05

/** What it needs of the event loop. @internal */
export interface Loop {
  /** A clock in milliseconds. */
  readonly now: () => number
  /** Runs something in the next turn, which comes at once. */
  readonly nextTurn: (run: () => void) => void
}

/** @internal */
export class Attention {
  private readonly loop: Loop
  private until = 0
  private looking = false

  constructor(loop: Loop) {
    this.loop = loop
  }

  /** An answer left. */
  readonly stayAwake = (): void => {
    this.until = this.loop.now() + moment
    if (this.looking) return
    this.looking = true
    this.loop.nextTurn(this.look)
  }

  private readonly look = (): void => {
    if (this.loop.now() < this.until) this.loop.nextTurn(this.look)
    else this.looking = false
  }
}

/** One for all connections of the thread: they share one event loop. */
const attention = new Attention({ now: () => performance.now(), nextTurn: setImmediate })

/** An answer left. Does nothing where there is one processor: the thread would keep its clients from asking. @internal */
export const stayAwake: () => void = availableParallelism() > 1 ? attention.stayAwake : () => {}
