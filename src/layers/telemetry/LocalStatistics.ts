/** Statistics in the memory of this process. */
import { Clock, Effect, Layer } from "effect"
import { compareNames } from "../../schema/ModelSignature.ts"
import { Statistics, type VersionBooks } from "../../services/Statistics.ts"
import { Books } from "./internal/Books.ts"

/** @category models */
export interface Options {
  /** Keep quantiles of the last minute, a third of a megabyte for each version. Default `false`. */
  readonly quantiles?: boolean
}

const make = Effect.fnUntraced(function*(options: Options) {
  const clock = yield* Clock.Clock
  const open = new Set<VersionBooks>()
  return Statistics.of({
    open: ({ model, version, ...rest }) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const books = new Books(model, version, () => clock.currentTimeMillisUnsafe(), { ...rest, ...options })
          open.add(books)
          return books
        }),
        (books) => Effect.sync(() => open.delete(books))
      ),
    all: () => [...open].toSorted((a, b) => compareNames(a.model, b.model) || a.version - b.version)
  })
})

/** Counts in this process, from zero. @category layers */
export const layerWith = (options: Options): Layer.Layer<Statistics> => Layer.effect(Statistics, make(options))

/** Counts in this process, from zero, without quantiles. @category layers */
export const layer: Layer.Layer<Statistics> = layerWith({})
