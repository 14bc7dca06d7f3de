/** A first-in, first-out line whose members may also leave from the middle: every step takes constant time. */

/** A place in a line. @category models */
export interface Place<A> {
  readonly value: A
  /** `false` once it was taken or has left. */
  waiting: boolean
  before: Place<A> | undefined
  after: Place<A> | undefined
}

/** @category models */
export class WaitingLine<A> {
  private first: Place<A> | undefined
  private last: Place<A> | undefined
  private count = 0

  get length(): number {
    return this.count
  }

  /** The member that has waited longest; `after` leads on. */
  get head(): Place<A> | undefined {
    return this.first
  }

  /** Joins at the end. */
  join(value: A): Place<A> {
    const place: Place<A> = { value, waiting: true, before: this.last, after: undefined }
    if (this.last === undefined) this.first = place
    else this.last.after = place
    this.last = place
    this.count++
    return place
  }

  /** Goes back to where it was taken from: before the first member that is `later` than it. */
  rejoin(value: A, later: (member: A) => boolean): Place<A> {
    let after = this.first
    while (after !== undefined && !later(after.value)) after = after.after
    if (after === undefined) return this.join(value)
    const place: Place<A> = { value, waiting: true, before: after.before, after }
    if (after.before === undefined) this.first = place
    else after.before.after = place
    after.before = place
    this.count++
    return place
  }

  /** Takes the member that has waited longest. */
  take(): A | undefined {
    const place = this.first
    if (place === undefined) return undefined
    this.leave(place)
    return place.value
  }

  /** Leaves from wherever it is; does nothing for who does not wait any more. */
  leave(place: Place<A>): void {
    if (!place.waiting) return
    place.waiting = false
    if (place.before === undefined) this.first = place.after
    else place.before.after = place.after
    if (place.after === undefined) this.last = place.before
    else place.after.before = place.before
    place.before = undefined
    place.after = undefined
    this.count--
  }
}
