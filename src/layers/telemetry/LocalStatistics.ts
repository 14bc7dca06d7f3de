/** Statistics in the memory of this process. */
import { Clock, Effect, Layer } from "effect"
import { compareNames } from "../../schema/ModelSignature.ts"
import { type ModelStatistics, Statistics } from "../../services/Statistics.ts"
import { Books } from "./internal/Books.ts"

const make = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const open = new Set<ModelStatistics>()
  return Statistics.of({
    open: ({ model, version }) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const books = new Books(model, version, () => clock.currentTimeMillisUnsafe())
          open.add(books)
          return books
        }),
        (books) => Effect.sync(() => open.delete(books))
      ),
    all: () => [...open].toSorted((a, b) => compareNames(a.model, b.model) || a.version - b.version)
  })
})

/** Counts in this process, from zero. @category layers */
export const layer: Layer.Layer<Statistics> = Layer.effect(Statistics, make)
