/**
 * Which version the next step of a live sequence belongs to. Sequences go on where they began: in a version that was replaced and
 * still closes, or in one that requests are no longer sent to.
 */
import { Option, Result } from "effect"
import type { SequenceStep } from "../../../schema/Inference.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import type { Entry, Loaded } from "./LifecycleState.ts"

/** What takes requests of a loaded version, where it keeps sequences. @category getters */
export const keeping = ({ model }: Loaded): Model | undefined => {
  const found = "found" in model ? Option.getOrUndefined(Result.getSuccess(model.found())) : model
  return found?.scheduler.holds === undefined ? undefined : found
}

/** The versions of a model that keep sequences: the ready ones from the greatest on, then those that close, the last one first. @category getters */
export const of = (entry: Entry): ReadonlyArray<Model> => {
  const ready: Array<Model> = []
  const leaving: Array<Model> = []
  for (const version of [...entry.versions.values()].sort((a, b) => b.version - a.version)) {
    const model = version.state === "READY" && version.current !== undefined ? keeping(version.current) : undefined
    if (model !== undefined) ready.push(model)
    leaving.push(...[...version.leaving].reverse())
  }
  return [...ready, ...leaving]
}

/**
 * Finds the keeper of a sequence for requests that look up `key`: a number stays with that version, all else may belong to any.
 * `undefined`: there is nobody to ask.
 *
 * @category constructors
 */
export const finder = (
  keepers: ReadonlyArray<Model>,
  key: string,
  again: Model["again"]
): Model["keeper"] => {
  const candidates = /^\d+$/.test(key) ? keepers.filter(({ version }) => String(version) === key) : keepers
  if (candidates.length === 0) return undefined
  return (id: SequenceStep["id"]) => {
    const keeper = candidates.find(({ scheduler }) => scheduler.holds!(id))
    return keeper && { ...keeper, again }
  }
}

/** Tells every version that closes that nobody sends another step. @category combinators */
export const endAll = (leaving: Set<Model>): void => {
  for (const { scheduler } of leaving) scheduler.endSequences?.()
  leaving.clear()
}
