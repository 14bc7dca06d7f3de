/** Who is here just now: members that come and go thousands of times a second. */

/**
 * An unordered set whose members know their places. Adding and removing take no memory but for a new highest number of members.
 *
 * A `Set` or `Map` that lives long is no place for what lives short: each time its size goes up or down it moves into a new table, and
 * the old one points to the new one. Once one of them has grown old, the collector of young objects takes that for a use of the next,
 * of the one behind it, and of whatever was in them when they were left: the garbage of every request grows old with them.
 *
 * @category models
 */
export class Roster<A extends object> {
  private readonly members: Array<A | undefined> = []
  private readonly free: Array<number> = []
  private count = 0

  /** Members now. */
  get size(): number {
    return this.count
  }

  /** Takes a member in, also one that is here already; gives the place that `remove` asks for. */
  add(member: A): number {
    this.count++
    const place = this.free.pop()
    if (place === undefined) return this.members.push(member) - 1
    this.members[place] = member
    return place
  }

  /** Takes a member out; `false`: it is not at that place any more. */
  remove(member: A, place: number): boolean {
    if (this.members[place] !== member) return false
    this.members[place] = undefined
    this.free.push(place)
    this.count--
    return true
  }

  /** Those who are here now, without an order; whoever comes or goes meanwhile changes nothing about it. */
  all(): ReadonlyArray<A> {
    return this.members.filter((member) => member !== undefined)
  }
}
