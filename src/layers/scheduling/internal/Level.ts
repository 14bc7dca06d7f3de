/** One priority of a queue: its policy, and the requests that wait in it. Source: scheduling §3.5. */
import type { QueuePolicy } from "../../../schema/ModelConfig.ts"
import type { Job } from "../../../services/Scheduler.ts"
import type { Entry } from "./Entry.ts"
import { WaitingLine } from "./WaitingLine.ts"

/** Ends the waiting of a request that its caller has given up. @category models */
export interface Owner {
  /** `ended` is called once nothing of the request is in use any more. */
  readonly withdraw: (entry: Entry, ended: () => void) => void
}

/** @category models */
export class Level {
  /** 0 where the model has no priorities, otherwise 1 (first) to the number of levels. */
  readonly priority: number
  /** Requests that it holds at most, those put behind the others included; 0: no bound of its own. */
  readonly maxQueueSize: number
  /** What happens to a request whose timeout passes. */
  readonly action: "REJECT" | "DELAY"
  /** In the order of arrival. */
  readonly line = new WaitingLine<Entry>()
  /** Those whose timeout has passed: served when nobody else of this level waits. */
  readonly delayed = new WaitingLine<Entry>()
  private readonly timeoutMicros: number
  private readonly allowsOverride: boolean

  constructor(priority: number, policy: QueuePolicy | undefined) {
    this.priority = priority
    this.maxQueueSize = policy?.max_queue_size ?? 0
    this.action = policy?.timeout_action === "DELAY" ? "DELAY" : "REJECT"
    this.timeoutMicros = Number(policy?.default_timeout_microseconds ?? 0n)
    this.allowsOverride = policy?.allow_timeout_override ?? false
  }

  /** Who lets callers give up requests of this level. Here and not in each request, of which many may wait. */
  owner: Owner | undefined = undefined
  /** Requests that wait, whether they were sorted into the lines already or not. */
  length = 0
  /** Requests in batches that lie ready: no instance has begun them. */
  ready = 0

  /** When the timeout of a request passes that arrives now. A request can only shorten its timeout. */
  timeoutAt(job: Job, now: number): number | undefined {
    const own = job.timeoutMicros
    const micros = this.allowsOverride && own > 0 && own < this.timeoutMicros ? own : this.timeoutMicros
    return micros > 0 ? now + micros * 1000 : undefined
  }
}
