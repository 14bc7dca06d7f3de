/** The Effect client behind the interface of the plain one, for the suite that both share. */
import { Cause, Effect, Exit, Layer, ManagedRuntime } from "effect"
import type { HttpClient } from "effect/http"
import type { CallOptions, InferenceClient } from "../../../src/client/Client.ts"
import type { EffectClient } from "../../../src/client/EffectClient.ts"
import type { InferenceServerError } from "../../../src/client/InferenceServerError.ts"

export const promises = async (
  make: Effect.Effect<EffectClient, InferenceServerError, HttpClient.HttpClient>,
  http: Layer.Layer<HttpClient.HttpClient>
): Promise<InferenceClient> => {
  const runtime = ManagedRuntime.make(http)
  const client = await runtime.runPromise(make)
  const run = async <A>(effect: Effect.Effect<A, InferenceServerError>, options: CallOptions = {}): Promise<A> => {
    const { signal } = options
    const exit = await runtime.runPromiseExit(effect, signal === undefined ? {} : { signal })
    if (Exit.isSuccess(exit)) return exit.value
    if (Cause.hasInterruptsOnly(exit.cause)) throw signal?.reason
    throw Cause.squash(exit.cause)
  }
  return {
    infer: (model, inputs, { signal, ...options } = {}) => run(client.infer(model, inputs, options), { signal }),
    serverLive: () => run(client.serverLive()),
    serverReady: () => run(client.serverReady()),
    modelReady: (model, options) => run(client.modelReady(model, options)),
    serverMetadata: () => run(client.serverMetadata()),
    modelMetadata: (model, options) => run(client.modelMetadata(model, options)),
    modelConfig: (model, options) => run(client.modelConfig(model, options)),
    statistics: (model, options) => run(client.statistics(model, options)),
    repositoryIndex: (options) => run(client.repositoryIndex(options)),
    loadModel: (model) => run(client.loadModel(model)),
    unloadModel: (model) => run(client.unloadModel(model)),
    close: () => runtime.dispose()
  }
}
