/**
 * Keeps a thread awake for a moment after an answer, where the client is likely to ask again at once.
 *
 * A thread that sleeps is woken in some ten microseconds, and finds its processor slow and its caches cold: a tiny request costs three
 * times as much then. Clients that send one request after the other ask again before the moment is over.
 */
import { availableParallelism } from "node:os"
import { isMainThread } from "node:worker_threads"

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

  /** An answer left, whose client may ask again within so many milliseconds. */
  readonly stayAwake = (millis: number): void => {
    if (millis === 0) return
    // Another server of this process may have asked for longer.
    this.until = Math.max(this.until, this.loop.now() + millis)
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

/** Threads that a request needs on the side of the server: a front has main beside it. */
const threads = isMainThread ? 1 : 2

/**
 * An answer left, and its thread stays awake for so many milliseconds; 0: it does not. Does nothing where clients have no processor of
 * their own: the thread would keep them from asking.
 *
 * @internal
 */
export const stayAwake: (millis: number) => void = availableParallelism() > threads ? attention.stayAwake : () => {}
