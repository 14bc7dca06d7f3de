/**
 * An application with a model inside: its own HTTP API, whose route asks the server in the same process. Only what the application
 * serves itself listens. Starts on a free port, asks itself once, and ends; everything of the server ends with it.
 *
 * In a clone: npm run example:embed
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Console, Effect, Layer, Schema } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiError, HttpApiGroup } from "effect/http-api"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { Galatea } from "../src/index.ts"

class Api extends HttpApi.make("fruits").add(
  HttpApiGroup.make("fruits").add(
    HttpApiEndpoint.post("classify", "/classify", {
      payload: Schema.Struct({ scores: Schema.Array(Schema.Finite) }),
      success: Schema.Struct({ fruit: Schema.String }),
      error: [HttpApiError.BadRequest, HttpApiError.ServiceUnavailable]
    })
  )
) {}

const handlers = HttpApiBuilder.group(
  Api,
  "fruits",
  Effect.fn(function*(handlers) {
    const context = yield* Effect.context<Galatea.InferenceServer.InferenceServer>()
    return handlers.handleAll({
      classify: ({ payload: { scores } }) =>
        Galatea.InferenceServer.infer({
          model: "fruit_classifier",
          inputs: [Galatea.Tensor.from("INPUT0", [1, scores.length], Float32Array.from(scores))],
          outputs: [{ name: "SCORES", classification: 1 }],
          deadlineMicros: 250_000
        }).pipe(
          // The best class as "score:index:label".
          Effect.map(({ outputs }) => ({
            fruit: Galatea.Tensor.values(outputs[0]!, "BYTES")[0]!.split(":")[2]!
          })),
          Effect.scoped,
          Effect.provideContext(context),
          Effect.catchTag("InferenceError", ({ isRetryable }) =>
            Effect.fail(isRetryable ? new HttpApiError.ServiceUnavailable() : new HttpApiError.BadRequest()))
        )
    })
  })
)

const application = HttpRouter.serve(HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0 })),
  Layer.provide(
    Galatea.Server.layerInProcess({ modelRepository: [fileURLToPath(new URL("models", import.meta.url))] })
  )
)

const ask = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  const port = "port" in address ? address.port : 0
  const client = yield* HttpApiClient.make(Api, { baseUrl: `http://127.0.0.1:${port}` })
  const { fruit } = yield* client.fruits.classify({ payload: { scores: [0.1, 0.2, 0.6, 0.1] } })
  yield* Console.log(fruit)
  const refused = yield* Effect.flip(client.fruits.classify({ payload: { scores: [1, 2] } }))
  yield* Console.log(refused._tag)
})

await ask.pipe(Effect.provide([application, FetchHttpClient.layer]), Effect.runPromise)
