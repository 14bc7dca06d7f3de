/** Tracing as the options say: everybody who wants to know what happens to requests, as one service. */
import { Context, Effect, Layer } from "effect"
import { randomBytes } from "node:crypto"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import { RecentFlows } from "../../services/RecentFlows.ts"
import { type RequestObserver, Tracing } from "../../services/Tracing.ts"
import * as Observers from "./internal/Observers.ts"
import * as NotedFlows from "./RecentFlows.ts"

/** What is traced of a server with these options. @category layers */
export const layer = (options: ServerOptions): Layer.Layer<never> =>
  Layer.effectContext(Effect.gen(function*() {
    const none = yield* Tracing
    const observers: Array<RequestObserver> = []
    let flows = yield* RecentFlows
    if (options.allowHttp && options.console !== "false") {
      const noted = yield* NotedFlows.make({ mark: randomBytes(8).toString("hex") })
      observers.push(noted.observer)
      flows = noted.state
    }
    return Context.make(Tracing, { ...Observers.together(observers), settings: none.settings }).pipe(
      Context.add(RecentFlows, flows)
    )
  }))
