/**
 * A server with or without books: without, nothing is counted, measured or shown. What differs between the two is what metrics cost.
 *
 * Usage: node books.ts <the server's module, built> <repository> <port> counted|uncounted; it listens until it is ended.
 */
import { Effect, Layer } from "effect"
import { pathToFileURL } from "node:url"
import type * as ServerModule from "../../src/layers/Server.ts"
import { type Counts, type Measures, Statistics, type VersionBooks } from "../../src/services/Statistics.ts"

const [module = "", repository = "", port = "", books = ""] = process.argv.slice(2)
const Server: typeof ServerModule = await import(pathToFileURL(module).href)

const nothing = () => {}
const unknown = (): never => {
  throw new Error("nothing is counted here")
}

const statistics = Layer.succeed(Statistics, {
  open: ({ model, version }) =>
    Effect.succeed<VersionBooks>({
      model,
      version,
      tags: {},
      namespace: undefined,
      cached: false,
      maxBatchSize: 0,
      instances: 0,
      sinceMillis: 0,
      loaded: nothing,
      observe: nothing,
      observeInstances: nothing,
      instancesCondition: () => undefined,
      refused: nothing,
      answered: nothing,
      succeeded: nothing,
      cacheHit: nothing,
      cacheMiss: nothing,
      failed: nothing,
      executed: nothing,
      retried: nothing,
      shadowed: nothing,
      counts: (): Counts => unknown(),
      measures: (): Measures => unknown()
    }),
  all: () => []
})

await Effect.runPromise(
  Effect.scoped(
    Effect.andThen(
      Layer.build(
        Server.layer({
          modelRepository: [repository],
          httpAddress: "127.0.0.1",
          httpPort: Number(port),
          allowGrpc: false,
          allowMetrics: books === "counted",
          metricsPort: 0
        }, books === "counted" ? {} : { statistics })
      ),
      Effect.never
    )
  )
)
