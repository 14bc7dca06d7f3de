/** A started HTTP front end with a console, over models that do nothing. */
import { Context, Effect, Layer } from "effect"
import * as ServerConsole from "../../../src/layers/console/ServerConsole.ts"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import * as LocalStatistics from "../../../src/layers/telemetry/LocalStatistics.ts"
import * as RecentFlows from "../../../src/layers/telemetry/RecentFlows.ts"
import { RecentFlows as Flows } from "../../../src/services/RecentFlows.ts"
import { Statistics } from "../../../src/services/Statistics.ts"
import { Fake } from "../../frontend/http/Fakes.ts"

export const serve = Effect.fnUntraced(
  function*(options: HttpFrontend.Options = {}, consoleOptions: ServerConsole.Options = {}) {
    const fake = new Fake()
    const context = yield* Layer.build(
      HttpFrontend.layer({ address: "127.0.0.1", port: 0, ...options }).pipe(
        Layer.provide(ServerConsole.layer(consoleOptions)),
        Layer.provideMerge(RecentFlows.layer({ gapMillis: 0 })),
        Layer.provideMerge(LocalStatistics.layer),
        Layer.provide(fake.layer),
        Layer.provideMerge(SharedTensorMemory.layer)
      )
    )
    return {
      fake,
      port: Context.get(context, HttpFrontend.HttpFrontend).port,
      statistics: Context.get(context, Statistics),
      observer: Context.get(context, Flows).observer!
    }
  }
)
