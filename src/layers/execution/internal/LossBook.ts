/** What is known of the losses of a version's instances. */
import type { InstancesCondition, LossCause } from "../../../services/Executor.ts"

/** @category models */
export class LossBook {
  private readonly by: Record<LossCause, number> = { ended: 0, run_timeout: 0, unresponsive: 0, memory: 0 }
  private losses = 0
  private last: string | undefined
  private lastInShort = ""
  private restartNanos: number | undefined
  private recycled = 0
  /** When each instance was lost that is not up again, by its index. */
  private readonly lostAt = new Map<number, bigint>()

  /** `now`: monotonic nanoseconds; `inFull`: the reason with what the process itself said. */
  lost(index: number, cause: LossCause, reason: string, now: bigint, inFull = reason): void {
    this.losses++
    this.by[cause]++
    this.last = inFull
    this.lastInShort = reason
    this.lostAt.set(index, now)
  }

  /** An attempt to start an instance again has failed. */
  failed(reason: string): void {
    this.last = reason
    this.lastInShort = "an instance could not be started"
  }

  replaced(): void {
    this.recycled++
  }

  /** An instance is up. */
  opened(index: number, now: bigint): void {
    const at = this.lostAt.get(index)
    if (at === undefined) return
    this.lostAt.delete(index)
    this.restartNanos = Number(now - at)
  }

  /** The last loss in words for clients. */
  get lastReason(): string {
    return this.lastInShort
  }

  /** With what only the holder of the instances knows. */
  condition(
    now: Pick<InstancesCondition, "live" | "pausedUntilNanos" | "memoryBytes" | "placed" | "moved">
  ): InstancesCondition {
    return {
      ...now,
      losses: this.losses,
      lossesBy: { ...this.by },
      lastLoss: this.last,
      recycled: this.recycled,
      restartNanos: this.restartNanos
    }
  }
}
