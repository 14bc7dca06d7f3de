/** When a refused request may be tried again: the header `Retry-After` of every 503 that another try can mend. */
import type { InferenceFailure } from "../../../../schema/Errors.ts"

type Retryable = Extract<InferenceFailure, { readonly code: "UNAVAILABLE" }>["_tag"]

/** Whole seconds. A queue or a limit is free again within one; an instance, a model or a server that has to start takes longer. */
const seconds: Readonly<Record<Retryable, number>> = {
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

/** Whole seconds until another try may mend a failure, by its tag; `undefined` where none can. @internal */
export const secondsOf = (tag: string | undefined): number | undefined => tag === undefined ? undefined : table.get(tag)

/** The header of a failure by its tag, as a name and a value; empty for one that another try cannot mend. @internal */
export const headerOf = (tag: string | undefined): ReadonlyArray<string> =>
  tag === undefined ? none : headers.get(tag) ?? none
