/**
 * A line in the log for each request for inference, or for each that fails.
 *
 * Lines of requests that were answered are of the level info, of those that failed of the level warning, of bugs of the level error.
 * They say nothing of what is in tensors, parameters and headers.
 */
import { Clock, Effect, FiberSet, type Scope } from "effect"
import type { LogSetting, RequestLogs } from "../../schema/LogSetting.ts"
import { LogSettings } from "../../services/LogSettings.ts"
import type { RequestObserver } from "../../services/Tracing.ts"
import { type Ended, RequestNotes } from "./internal/RequestNotes.ts"

/** @category models */
export interface Options {
  readonly requests: Exclude<RequestLogs, "off">
  /** Longest model name, version, id and sequence id of a line, in characters. Default 256. */
  readonly maxNameLength?: number
  /** Longest message of a failure, in characters. Default 1024. */
  readonly maxMessageLength?: number
}

const levelOf = ({ failure }: Ended): "Info" | "Warn" | "Error" =>
  failure === undefined ? "Info" : failure.code === undefined ? "Error" : "Warn"

const line = (ended: Ended): Effect.Effect<void> => {
  const { annotations, failure, span } = ended
  const written = Effect.annotateLogs(
    Effect.logWithLevel(levelOf(ended))(
      failure === undefined ? "request answered" : `request failed: ${failure.message}`
    ),
    annotations
  )
  return span === undefined ? written : Effect.withParentSpan(written, span)
}

/** Whether any line of those asked for would be written. */
const anyWritten = (requests: Options["requests"], { error, info, warning }: LogSetting): boolean =>
  error || warning || (requests === "all" && info)

/** Notes requests as long as the log would have their lines; its last lines are written before the scope closes. @category constructors */
export const make = Effect.fnUntraced(function*(
  { maxMessageLength = 1024, maxNameLength = 256, requests }: Options
): Effect.fn.Return<RequestObserver, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const log = yield* LogSettings
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const surroundings = {
    nowNanos: () => Number(clock.monotonicTimeNanosUnsafe()),
    maxNameLength,
    maxMessageLength,
    over: (ended: () => Ended, failed: boolean) => {
      if (failed || requests === "all") fork(line(ended()))
    }
  }
  return {
    active: () => anyWritten(requests, log.current()),
    begin: (arrival, context) => new RequestNotes(arrival, context, surroundings)
  }
})
