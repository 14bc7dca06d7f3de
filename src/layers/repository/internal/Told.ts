/** Tells of what happens to models; what goes on being wrong is told once, however often it is met. */
import { Effect } from "effect"
import type { LoadEvent } from "../../../services/ModelRepository.ts"

/** @category models */
export interface Told {
  readonly tell: (event: LoadEvent) => Effect.Effect<void>
  /** Something of a model is new: what is wrong with it now is told again. */
  readonly renew: (model: string) => void
}

/** Texts remembered of one model. */
const maxTexts = 100

/** `once`: do not repeat failures and warnings of a model until `renew`. @category constructors */
export const make = (onEvent: (event: LoadEvent) => Effect.Effect<void>, once: boolean): Told => {
  const told = new Map<string, Set<string>>()
  return {
    tell: (event) => {
      if (!once || (event._tag !== "Failed" && event._tag !== "Warning")) return onEvent(event)
      const model = event.model ?? ""
      const texts = told.get(model) ?? new Set()
      const text = event._tag === "Failed" ? `${event.version} ${event.reason}` : event.message
      if (texts.has(text)) return Effect.void
      if (texts.size >= maxTexts) texts.clear()
      told.set(model, texts.add(text))
      return onEvent(event)
    },
    renew: (model) => void told.delete(model)
  }
}
