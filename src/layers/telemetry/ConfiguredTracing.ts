/** Tracing as the options say: everybody who wants to know what happens to requests, as one service. */
import { Effect, Layer } from "effect"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import { Tracing } from "../../services/Tracing.ts"
import * as Observers from "./internal/Observers.ts"

/** What is traced of a server with these options. @category layers */
export const layer = (_options: ServerOptions): Layer.Layer<never> =>
  Layer.effect(
    Tracing,
    Effect.gen(function*() {
      const none = yield* Tracing
      return { ...Observers.together([]), settings: none.settings }
    })
  )
