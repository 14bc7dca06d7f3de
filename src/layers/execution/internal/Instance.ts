/** One execution instance of a version, as those who open it hand it to the pool that lends it. */
import type { Deferred } from "effect"
import type { LentInstance, LossCause, Placement } from "../../../services/Executor.ts"

/** An open instance. Its scope closes it. @category models */
export interface Instance {
  readonly name: string
  /** Where it runs now. Default: in a thread. */
  readonly placement?: () => Placement
  readonly accepts: LentInstance["accepts"]
  readonly quick: LentInstance["quick"]
  readonly start: LentInstance["start"]
  readonly sequenceEnded?: LentInstance["sequenceEnded"]
  /**
   * Completes, with a reason that clients may read, when the instance cannot run any more; what ran in it has failed by then.
   */
  readonly lost: Deferred.Deferred<string>
  /** The reason with what its process or thread itself said, for whoever runs the server. Default: the reason. */
  readonly lostInFull?: () => string
  /** Why it was lost, where its reason does not say it for machines. Default: it ended. */
  readonly lostBy?: () => LossCause
  /** Runs that it has answered with a result. */
  readonly answers: () => number
  /** Monotonic nanoseconds since which it runs something that can be abandoned. */
  readonly runningSince: () => bigint | undefined
  /** Resident bytes of its process, as last heard. Absent: it has none of its own. */
  readonly memoryBytes?: () => number | undefined
  /** Gives it up while it runs: it is lost. */
  readonly abandon: (reason: string) => void
}
