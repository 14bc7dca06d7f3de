/**
 * Says on standard output that a signal came and what happens now. While the server starts that is at once, and later when it is
 * so: who reads that the server is not ready any more and asks it gets that answer.
 */
import { Effect } from "effect"
import type { ServerOptions } from "../../../schema/ServerOptions.ts"
import type { Output } from "./Output.ts"

/** @category models */
export interface Farewell {
  /** A signal came. */
  readonly signalled: (signal: string) => void
  /** The server has started: from now on its end is told by `departed`. */
  readonly started: () => void
  /** The server is not ready any more. */
  readonly departed: Effect.Effect<void>
}

/** @category constructors */
export const make = (
  { exitDrainMs, logInfo }: Pick<ServerOptions, "exitDrainMs" | "logInfo">,
  output: Pick<Output, "out">
): Farewell => {
  const then = exitDrainMs === 0
    ? "finishing requests in flight"
    : `not ready any more, taking requests for another ${exitDrainMs} ms, then finishing those in flight`
  let hasStarted = false
  let pending: string | undefined
  const say = (signal: string) => {
    if (logInfo) output.out(`${signal} received, ${then}…\n`)
  }
  return {
    signalled: (signal) => {
      if (hasStarted) pending = signal
      else say(signal)
    },
    started: () => {
      hasStarted = true
    },
    departed: Effect.sync(() => {
      if (pending !== undefined) say(pending)
    })
  }
}
