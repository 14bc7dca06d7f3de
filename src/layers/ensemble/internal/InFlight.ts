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
  /** Who waits before it and behind it; nobody where it does not wait, so that one that has grown old keeps no other alive. */
  before: Ticket | undefined = undefined
  behind: Ticket | undefined = undefined
}

function nothing(): void {}

/** @category models */
export class InFlight {
  /** Places. */
  readonly limit: number
  private count = 0
  /** Who wait, from the first to the last. No `Set`, which makes what lives short grow old: see `Roster`. */
  private first: Ticket | undefined = undefined
  private last: Ticket | undefined = undefined
  private waiting = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Requests that wait for a place. */
  get length(): number {
    return this.waiting
  }

  /** Takes a place where one is free and nobody waits. */
  enterNow(ticket: Ticket): boolean {
    if (this.count >= this.limit || this.waiting > 0) return false
    this.count++
    ticket.state = "in"
    return true
  }

  /** Waits for a place. Whoever is interrupted meanwhile leaves. */
  enter(ticket: Ticket): Effect.Effect<void> {
    return Effect.callback((resume) => {
      ticket.state = "waiting"
      ticket.resume = () => resume(Effect.void)
      this.append(ticket)
    })
  }

  /** The last thing that a request does here, wherever it stands. */
  leave(ticket: Ticket): void {
    const { state } = ticket
    ticket.state = "out"
    if (state === "waiting") this.remove(ticket)
    if (state !== "in") return
    this.count--
    while (this.first !== undefined && this.count < this.limit) {
      const next = this.first
      this.remove(next)
      this.count++
      next.state = "in"
      const { resume } = next
      // A ticket that has grown old must not keep what its request goes on with alive.
      next.resume = nothing
      resume()
    }
  }

  private append(ticket: Ticket): void {
    ticket.before = this.last
    if (this.last === undefined) this.first = ticket
    else this.last.behind = ticket
    this.last = ticket
    this.waiting++
  }

  private remove(ticket: Ticket): void {
    const { before, behind } = ticket
    if (before === undefined) this.first = behind
    else before.behind = behind
    if (behind === undefined) this.last = before
    else behind.before = before
    ticket.before = undefined
    ticket.behind = undefined
    this.waiting--
  }
}
