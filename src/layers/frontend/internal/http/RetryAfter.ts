/** When a refused request may be tried again: the header `Retry-After` of every 503 that another try can mend. */
import type { InferenceFailure } from "../../../../schema/Errors.ts"

type Retryable = Extract<InferenceFailure, { readonly code: "UNAVAILABLE" }>["_tag"]

/** Whole seconds. A queue or a limit is free again within one; an instance, a model or a server that has to start takes longer. */
const seconds: Readonly<Record<Exclude<Retryable, "ModelSuspended">, number>> = {
  QueueFull: 1,
  RequestTimedOut: 1,
  Overloaded: 1,
  InstanceLost: 2,
  ModelNotReady: 5,
  Stopping: 5
}

const none: ReadonlyArray<string> = []

const headers: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  Object.entries(seconds).map(([tag, count]) => [tag, ["Retry-After", String(count)]])
)

const table: ReadonlyMap<string, number> = new Map(Object.entries(seconds))

/** What is looked at of a failure. @internal */
export interface Failed {
  readonly _tag?: string | undefined
  /** Of one that knows better than its kind does. */
  readonly retryAfterMillis?: number | undefined
}

/** Whole seconds until another try may mend a failure; `undefined` where none can. @internal */
export const secondsOf = ({ _tag: tag, retryAfterMillis: millis }: Failed): number | undefined => {
  if (millis !== undefined) return Math.max(1, Math.ceil(millis / 1000))
  return tag === undefined ? undefined : table.get(tag)
}

/** The header of a failure, as a name and a value; empty for one that another try cannot mend. @internal */
export const headerOf = (failure: Failed): ReadonlyArray<string> => {
  if (failure.retryAfterMillis !== undefined) return ["Retry-After", String(secondsOf(failure))]
  return failure._tag === undefined ? none : headers.get(failure._tag) ?? none
}
