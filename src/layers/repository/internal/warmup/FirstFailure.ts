/** Why one of the first runs of a version failed, for whoever loads it. */
import type { LentInstance } from "../../../../services/Executor.ts"

/** In words that do not ask to try again: the next load would run the same. @category formatting */
export const reasonOf = (
  { _tag, message }: { readonly _tag: string; readonly message: string },
  { name, whyLost }: LentInstance
): string => {
  const why = _tag === "InstanceLost" ? whyLost?.() : undefined
  return why === undefined
    ? message
    : `instance '${name}' was lost while it ran it: ${why}. Nothing changes by loading the model again as it is`
}
