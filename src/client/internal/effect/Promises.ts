/** A client of effects behind the interface of promises. */
import { Cause, Effect, Exit, type ManagedRuntime } from "effect"
import type { EffectClient } from "../../EffectInferenceClient.ts"
import type { CallOptions, InferenceClient } from "../../InferenceClient.ts"
import { InferenceServerError } from "../../InferenceServerError.ts"
import type { AnyModels } from "../../Models.ts"

const timeoutOf = ({ timeoutMillis }: CallOptions) => timeoutMillis === undefined ? {} : { timeout: timeoutMillis }

/** The client lives as long as its runtime, which `close` ends. @internal */
export const promises = <Models extends AnyModels, R, E>(
  client: Effect.Effect<EffectClient<Models>, InferenceServerError, R>,
  runtime: ManagedRuntime.ManagedRuntime<R, E>
): InferenceClient<Models> => {
  const closing = new AbortController()
  /** Runs one call with what it was given. */
  const run = async <A>(
    use: (client: EffectClient<Models>) => Effect.Effect<A, InferenceServerError>,
    options: CallOptions = {}
  ): Promise<A> => {
    const { signal: given } = options
    const signal = given === undefined ? closing.signal : AbortSignal.any([closing.signal, given])
    signal.throwIfAborted()
    const exit = await runtime.runPromiseExit(Effect.flatMap(client, use), { signal })
    if (Exit.isSuccess(exit)) return exit.value
    if (signal.aborted && Cause.hasInterrupts(exit.cause)) throw signal.reason
    throw Cause.squash(exit.cause)
  }
  return {
    infer: (model, inputs, options = {}) =>
      run((one) => one.infer(model, inputs, { ...options, ...timeoutOf(options) }), options),
    serverLive: (options = {}) => run((one) => one.serverLive({ ...options, ...timeoutOf(options) }), options),
    serverReady: (options = {}) => run((one) => one.serverReady({ ...options, ...timeoutOf(options) }), options),
    modelReady: (model, options = {}) =>
      run((one) => one.modelReady(model, { ...options, ...timeoutOf(options) }), options),
    serverMetadata: (options = {}) => run((one) => one.serverMetadata({ ...options, ...timeoutOf(options) }), options),
    modelMetadata: (model, options = {}) =>
      run((one) => one.modelMetadata(model, { ...options, ...timeoutOf(options) }), options),
    modelConfig: (model, options = {}) =>
      run((one) => one.modelConfig(model, { ...options, ...timeoutOf(options) }), options),
    statistics: (model, options = {}) =>
      run((one) => one.statistics(model, { ...options, ...timeoutOf(options) }), options),
    traceSettings: (model, options = {}) =>
      run((one) => one.traceSettings(model, { ...options, ...timeoutOf(options) }), options),
    changeTraceSettings: (change, options = {}) =>
      run((one) => one.changeTraceSettings(change, { ...options, ...timeoutOf(options) }), options),
    logSettings: (options = {}) => run((one) => one.logSettings({ ...options, ...timeoutOf(options) }), options),
    changeLogSettings: (change, options = {}) =>
      run((one) => one.changeLogSettings(change, { ...options, ...timeoutOf(options) }), options),
    repositoryIndex: (options = {}) =>
      run((one) => one.repositoryIndex({ ...options, ...timeoutOf(options) }), options),
    loadModel: (model, options = {}) =>
      run((one) => one.loadModel(model, { ...options, ...timeoutOf(options) }), options),
    unloadModel: (model, options = {}) =>
      run((one) => one.unloadModel(model, { ...options, ...timeoutOf(options) }), options),
    close: async () => {
      closing.abort(new InferenceServerError("the client is closed", { code: "CANCELLED", request: "close" }))
      await runtime.dispose()
    }
  }
}
