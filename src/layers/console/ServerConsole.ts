/**
 * The console of this server: its page, and what the page shows.
 *
 * Nothing is gathered until somebody asks, and nothing is kept.
 */
import { Clock, Effect, Layer } from "effect"
import { Console, type ConsoleSource } from "../../services/Console.ts"
import { InferenceServer } from "../../services/InferenceServer.ts"
import { RecentFlows } from "../../services/RecentFlows.ts"
import { Statistics, type VersionBooks } from "../../services/Statistics.ts"
import { files } from "./internal/PageFiles.ts"
import * as StateParts from "./internal/StateParts.ts"

/** @category models */
export interface Options {
  /** Versions that are shown; the rest is counted. Default 500. */
  readonly maxModels?: number
}

const make = Effect.fnUntraced(function*({ maxModels = 500 }: Options) {
  const server = yield* InferenceServer
  const statistics = yield* Statistics
  const flows = yield* RecentFlows
  const startedAtMillis = yield* Clock.currentTimeMillis
  const loadOf = StateParts.numberLoads()

  const serverPart = Effect.map(server.ready, (ready) => ({
    name: server.metadata.name,
    version: server.metadata.version,
    ready,
    startedAtMillis
  }))

  const modelsPart = Effect.map(server.repository.index, (entries) => ({
    models: entries.slice(0, maxModels).map((entry) => StateParts.model(entry, server.repository.lookup, loadOf)),
    omittedModels: Math.max(0, entries.length - maxModels)
  }))

  const figuresPart = () => {
    // Where a version is being replaced, the books opened last count from now on.
    const newest = new Map<string, VersionBooks>()
    for (const books of statistics.all()) newest.set(`${books.version} ${books.model}`, books)
    const shown = [...newest.values()].slice(0, maxModels)
    return {
      figures: shown.map(StateParts.figures),
      boundsMillis: shown[0]?.measures().durations.request.bounds.map((seconds) => seconds * 1000) ?? []
    }
  }

  const state: ConsoleSource["state"] = Effect.fnUntraced(function*({ afterFlow, parts }) {
    const atMillis = yield* Clock.currentTimeMillis
    return {
      atMillis,
      ...(parts.has("server") ? { server: yield* serverPart } : {}),
      ...(parts.has("models") ? yield* modelsPart : {}),
      ...(parts.has("figures") ? figuresPart() : {}),
      ...(parts.has("flows") ? { flows: yield* flows.after(afterFlow), flowMark: flows.mark } : {})
    }
  })

  return { files, state }
})

/** The console of the server in the context. @category layers */
export const layer = (options: Options = {}): Layer.Layer<never, never, InferenceServer | Statistics> =>
  Layer.effect(Console, make(options))
