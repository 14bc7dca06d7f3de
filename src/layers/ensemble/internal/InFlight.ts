/**
 * Bounds the requests to one step that are under way, over all requests of an ensemble, in the order of their arrival.
 *
 * Who is in waits for its step's model only, never for a place here, so places always come free.
 */
import { Effect } from "effect"

/** The wish of one request for a place. @category models */
export class Ticket {
  state: "new" | "waiting" | "in" | "out" = "new"
  /** Lets it go on. */
  resume: () => void = nothing
}

function nothing(): void {}

/** @category models */
export class InFlight {
  /** Places. */
  readonly limit: number
  private count = 0
  private readonly waiting = new Set<Ticket>()

  constructor(limit: number) {
    this.limit = limit
  }

  /** Requests that wait for a place. */
  get length(): number {
    return this.waiting.size
  }

  /** Takes a place where one is free and nobody waits. */
  enterNow(ticket: Ticket): boolean {
    if (this.count >= this.limit || this.waiting.size > 0) return false
    this.count++
    ticket.state = "in"
    return true
  }

  /** Waits for a place. Whoever is interrupted meanwhile leaves. */
  enter(ticket: Ticket): Effect.Effect<void> {
    return Effect.callback((resume) => {
      ticket.state = "waiting"
      ticket.resume = () => resume(Effect.void)
      this.waiting.add(ticket)
    })
  }

  /** The last thing that a request does here, wherever it stands. */
  leave(ticket: Ticket): void {
    const { state } = ticket
    ticket.state = "out"
    if (state === "waiting") this.waiting.delete(ticket)
    if (state !== "in") return
    this.count--
    for (const next of this.waiting) {
      if (this.count >= this.limit) return
      this.waiting.delete(next)
      this.count++
      next.state = "in"
      next.resume()
    }
  }
}
