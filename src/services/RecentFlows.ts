/**
 * The requests that ended last, with their times, while somebody looks.
 *
 * Upstream: the console. Downstream: whoever observes requests.
 */
import { Context, Effect } from "effect"
import type { Flow } from "../schema/Flow.ts"
import type { RequestObserver } from "./Tracing.ts"

/** @category models */
export interface RecentFlowsState {
  /** Who is to be told of requests. Absent: nobody. */
  readonly observer?: RequestObserver
  /**
   * A request whose trace id begins so is noted however many others there are, as long as anybody looks: 16 hexadecimal digits
   * that differ from process to process. `""`: nothing is noted here.
   */
  readonly mark: string
  /**
   * Those noted after a number, oldest first. Asking is looking: for some seconds from now on requests are noted, a few of them
   * where there are many.
   */
  readonly after: (number: number) => Effect.Effect<ReadonlyArray<Flow>>
}

/** Without a service of its own a server notes none. @category services */
export const RecentFlows: Context.Reference<RecentFlowsState> = Context.Reference<RecentFlowsState>(
  "galatea/services/RecentFlows",
  { defaultValue: () => ({ mark: "", after: () => Effect.succeed([]) }) }
)
