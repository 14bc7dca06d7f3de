/** The instances of a version that work now, and what they have done so far together with those before them. */
import type { InstancesCondition } from "../../../services/Executor.ts"
import type { Instance } from "./Instance.ts"
import type { PoolMember } from "./PoolMember.ts"

/** @category models */
export class LiveInstances {
  private readonly members = new Map<Instance, PoolMember>()
  private readonly known = new WeakMap<Instance, PoolMember>()
  /** Runs answered by instances that are no more. */
  private answered = 0

  get size(): number {
    return this.members.size
  }

  add(member: PoolMember): void {
    this.members.set(member.instance, member)
    this.known.set(member.instance, member)
  }

  /** It works no more, or is closed: to be called once or more. */
  remove({ instance }: PoolMember): void {
    if (this.members.delete(instance)) this.answered += instance.answers()
  }

  has(instance: Instance): boolean {
    return this.members.has(instance)
  }

  /** What is known of an instance that works or has worked. */
  of(instance: Instance): PoolMember {
    return this.known.get(instance)!
  }

  readonly all = (): Iterable<Instance> => this.members.keys()

  /** Runs that the instances of the version have answered, those that are no more included. */
  readonly answers = (): number => {
    let sum = this.answered
    for (const instance of this.members.keys()) sum += instance.answers()
    return sum
  }

  /** How many there are, where they run, and the resident bytes of those that have processes of their own. */
  condition(): Pick<InstancesCondition, "live" | "memoryBytes" | "placed"> {
    const memoryBytes = new Map<string, number>()
    const placed = { inline: 0, thread: 0, process: 0 }
    for (const instance of this.members.keys()) {
      placed[instance.placement?.() ?? "thread"]++
      const bytes = instance.memoryBytes?.()
      if (bytes !== undefined) memoryBytes.set(instance.name, bytes)
    }
    return { live: this.members.size, memoryBytes, placed }
  }
}
