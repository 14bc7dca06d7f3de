/** The places of a pool that have no instance, and what is to take them. A place is an index. */
import { Deferred, Effect, Exit } from "effect"
import type { PoolMember } from "./PoolMember.ts"

/** @category models */
export class Vacancies {
  private readonly vacant: Array<number> = []
  /** Open, and not in the pool yet: those of the start, and those that take the place of another. */
  private readonly prepared = new Map<number, PoolMember>()
  /** To be opened without delay once the instance is closed whose place they take. */
  private readonly planned = new Map<number, Deferred.Deferred<void>>()

  add(index: number): void {
    this.vacant.push(index)
  }

  /** Takes the place that has been vacant longest; calling it while none is vacant is a bug. */
  take(): number {
    return this.vacant.shift()!
  }

  /** An instance that is open already takes the place of its index. */
  prepare(member: PoolMember): void {
    this.prepared.set(member.index, member)
  }

  /** Takes the instance that was prepared for a place. */
  takePrepared(index: number): PoolMember | undefined {
    const member = this.prepared.get(index)
    if (member !== undefined) this.prepared.delete(index)
    return member
  }

  /** The next instance of a place is opened when the one that has it now is closed. */
  plan(index: number): void {
    this.planned.set(index, Deferred.makeUnsafe())
  }

  /** Completes when the instance is closed that was to be before the next one is opened; `undefined`: no such thing was planned. */
  turn(index: number): Effect.Effect<void> | undefined {
    const closed = this.planned.get(index)
    return closed && Effect.andThen(Deferred.await(closed), Effect.sync(() => this.planned.delete(index)))
  }

  /** To be called when the instance of a place is closed; `undefined`: nobody waits for that. */
  closed(index: number): Effect.Effect<void> | undefined {
    const next = this.planned.get(index)
    return next && Effect.sync(() => Deferred.doneUnsafe(next, Exit.void))
  }

  /** Takes all instances that were prepared. */
  takeAllPrepared(): ReadonlyArray<PoolMember> {
    const all = [...this.prepared.values()]
    this.prepared.clear()
    return all
  }
}
