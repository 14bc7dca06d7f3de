/** A first-in, first-out line whose members may also leave from the middle: every step takes constant time. */

/** Who can stand in a line, in one at a time. @category models */
export interface Member<A> {
  before: A | undefined
  after: A | undefined
}

/** @category models */
export class WaitingLine<A extends Member<A>> {
  private first: A | undefined
  private last: A | undefined
  private count = 0

  get length(): number {
    return this.count
  }

  /** The member that has waited longest; `after` leads on. */
  get head(): A | undefined {
    return this.first
  }

  /** Joins at the end. */
  join(member: A): void {
    this.insert(member, this.last, undefined)
  }

  /** Joins behind the last member that is not `later` than it, sought from the end. */
  joinBehind(member: A, later: (other: A) => boolean): void {
    let before = this.last
    while (before !== undefined && later(before)) before = before.before
    this.insert(member, before, before === undefined ? this.first : before.after)
  }

  /** Goes back to where it was taken from: before the first member that is `later` than it. */
  rejoin(member: A, later: (other: A) => boolean): void {
    let after = this.first
    while (after !== undefined && !later(after)) after = after.after
    this.insert(member, after === undefined ? this.last : after.before, after)
  }

  /** Leaves from wherever it stands in this line. */
  leave(member: A): void {
    if (member.before === undefined) this.first = member.after
    else member.before.after = member.after
    if (member.after === undefined) this.last = member.before
    else member.after.before = member.before
    member.before = undefined
    member.after = undefined
    this.count--
  }

  private insert(member: A, before: A | undefined, after: A | undefined): void {
    member.before = before
    member.after = after
    if (before === undefined) this.first = member
    else before.after = member
    if (after === undefined) this.last = member
    else after.before = member
    this.count++
  }
}
