/**
 * The client over Effect RPC: the calls of `galatea/client/effect`, and streams, on any transport that Effect's RPC has. Servers
 * other than Galatea do not speak it.
 */
import { Duration, Effect, Layer, type Scope, Stream } from "effect"
import type { HttpClient } from "effect/http"
import { RpcClient, RpcSerialization } from "effect/rpc"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { toJson } from "../schema/proto/ConfigJson.ts"
import { InferenceRpcs } from "../schema/rpc/InferenceRpcs.ts"
import {
  type Call,
  type EffectClient,
  type InferCall,
  InferenceClient,
  type VersionCall
} from "./EffectInferenceClient.ts"
import type { InferResponse, LoadOptions } from "./InferenceClient.ts"
import type { InferenceServerError } from "./InferenceServerError.ts"
import { type Answered, attempt, within } from "./internal/effect/EffectTries.ts"
import * as TraceState from "./internal/effect/TraceState.ts"
import { serverUrl } from "./internal/http/ServerUrl.ts"
import { toError } from "./internal/rpc/Failures.ts"
import * as RpcMessages from "./internal/rpc/RpcMessages.ts"
import * as WireRequest from "./internal/WireRequest.ts"
import { toResponse } from "./internal/WireResponse.ts"
import type { AnyModels, InputsOf, OutputName, OutputsOf, RequestedOutput } from "./Models.ts"
import type { ModelConfigJson } from "./Reports.ts"
import type { RetryPolicy } from "./Retry.ts"
import type { BytesAs } from "./Values.ts"

export {
  type Call,
  type EffectClient,
  type InferCall,
  InferenceClient,
  type VersionCall
} from "./EffectInferenceClient.ts"
export { InferenceServerError } from "./InferenceServerError.ts"
export { type Tensor, tensor } from "./Tensor.ts"

/** @category models */
export interface Options<Models extends AnyModels = AnyModels> {
  /** Sent with every call, where the server restricts APIs by headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Longest time for a call, retries included; an inference tells the server too. Default: no limit. */
  readonly timeout?: Duration.Input | undefined
  /** When calls are tried again; `false`: never. Streams never are. */
  readonly retry?: RetryPolicy | false | undefined
  /** What is known of the models, as `galatea codegen` writes it. */
  readonly models?: Models | undefined
}

/** The calls over RPC. @category models */
export interface RpcInferenceClient<Models extends AnyModels = AnyModels> extends EffectClient<Models> {
  /** Runs a model once, and gives as many answers as it has: one, unless it is decoupled. */
  readonly stream: <
    const Name extends keyof Models & string,
    const Requested extends ReadonlyArray<RequestedOutput<OutputName<Models[Name]>>> | undefined = undefined,
    const B extends BytesAs = "string"
  >(
    model: Name,
    inputs: InputsOf<Models[Name]>,
    call?: InferCall<Requested, B>
  ) => Stream.Stream<InferResponse<OutputsOf<Models[Name], Requested, B>>, InferenceServerError>
}

type Failure = Parameters<typeof toError>[1] | RpcClientError

/**
 * A client on the transport that the program provides: HTTP, WebSocket or a worker. It lives as long as its scope. Calls are part of
 * the span around them, and the server is told of it; not so with `disableTracing`.
 *
 * @category constructors
 */
export const make = <const Models extends AnyModels = AnyModels>(
  options: Options<Models> = {},
  { disableTracing = false }: { readonly disableTracing?: boolean } = {}
): Effect.Effect<RpcInferenceClient<Models>, never, RpcClient.Protocol | Scope.Scope> =>
  Effect.gen(function*() {
    const rpc = yield* RpcClient.make(InferenceRpcs, { disableTracing })
    const headersOf = (call: Call) => ({ ...options.headers, ...call.headers })
    const perform = <A>(
      procedure: string,
      call: Call | undefined,
      repeatable: boolean,
      once: (leftMillis: number | undefined) => Effect.Effect<A, Failure>
    ): Answered<A> =>
      within(
        `rpc ${procedure}`,
        call?.timeout ?? options.timeout,
        repeatable && (options.retry ?? {}),
        (left) =>
          Effect.flatMap(TraceState.headers, (state) =>
            once(left).pipe(
              RpcClient.withHeaders({ ...state, ...headersOf(call ?? {}) }),
              Effect.mapError((error) => toError(procedure, error))
            ))
      )
    const known = (model: string) =>
      options.models !== undefined && Object.hasOwn(options.models, model) ? options.models[model] : undefined
    /** Asks about a version, whose number may be wrong. */
    const about = <A>(
      procedure: string,
      model: string,
      call: VersionCall | undefined,
      repeatable: boolean,
      once: (target: { readonly model: string; readonly version: string }) => Effect.Effect<A, Failure>
    ): Answered<A> =>
      attempt(() => ({ model, version: WireRequest.versionText(call?.version, model) })).pipe(
        Effect.flatMap((target) => perform(procedure, call, repeatable, () => once(target)))
      )
    /** Changes a model, or one version of it, whose number may be wrong. */
    const alone = <A>(
      procedure: string,
      model: string,
      version: string | number | undefined,
      call: Call,
      once: (version: { readonly version?: string }) => Effect.Effect<A, Failure>
    ): Answered<A> =>
      attempt(() => WireRequest.versionParameter(version, model)).pipe(
        Effect.flatMap((parameter) => perform(procedure, call, false, () => once(parameter)))
      )
    return {
      infer: (model, inputs, call = {}) =>
        Effect.gen(function*() {
          const request = yield* attempt(() => WireRequest.make(model, inputs, call, known(model)))
          const value = yield* perform(
            "ModelInfer",
            call,
            request.sequence === undefined,
            (left) => rpc.ModelInfer(RpcMessages.toPayload(request, left))
          )
          // Which outputs there are follows from the types of the call.
          return yield* attempt(() => toResponse<never>(RpcMessages.fromValue(value), call.bytesAs, "rpc ModelInfer"))
        }),
      stream: (model, inputs, call = {}) =>
        Stream.unwrap(Effect.map(
          Effect.all([attempt(() => WireRequest.make(model, inputs, call, known(model))), TraceState.headers]),
          ([request, state]) => {
            const timeout = call.timeout ?? options.timeout
            const left = timeout === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(timeout))
            return rpc.ModelStreamInfer(RpcMessages.toPayload(request, left), {
              headers: { ...state, ...headersOf(call) }
            }).pipe(
              Stream.mapError((error: Failure) => toError("ModelStreamInfer", error)),
              Stream.mapEffect((value) =>
                attempt(() => toResponse<never>(RpcMessages.fromValue(value), call.bytesAs, "rpc ModelStreamInfer"))
              )
            )
          }
        )),
      serverLive: (call) => perform("ServerLive", call, false, () => rpc.ServerLive()),
      serverReady: (call) => perform("ServerReady", call, false, () => rpc.ServerReady()),
      modelReady: (model, call) =>
        about("ModelReady", model, call, false, (target) => rpc.ModelReady(target)).pipe(
          Effect.catchIf(
            ({ code }) => code === "NOT_FOUND" || code === "UNAVAILABLE",
            () => Effect.succeed(false)
          )
        ),
      serverMetadata: (call) => perform("ServerMetadata", call, true, () => rpc.ServerMetadata()),
      modelMetadata: (model, call) => about("ModelMetadata", model, call, true, (target) => rpc.ModelMetadata(target)),
      modelConfig: (model, call) =>
        about("ModelConfig", model, call, true, (target) => rpc.ModelConfig(target)).pipe(
          Effect.map((config) => JSON.parse(toJson(config)) as ModelConfigJson)
        ),
      statistics: (model = "", call) =>
        about("ModelStatistics", model, call, true, (target) => rpc.ModelStatistics(target)).pipe(
          Effect.map((entries) => entries.map(RpcMessages.statisticsOf))
        ),
      traceSettings: (model = "", call) => perform("TraceSetting", call, true, () => rpc.TraceSetting({ model })),
      changeTraceSettings: (change, call = {}) =>
        perform("TraceSetting", call, false, () => rpc.TraceSetting({ model: call.model ?? "", change })),
      logSettings: (call) => perform("LogSettings", call, true, () => rpc.LogSettings({})),
      changeLogSettings: (change, call) => perform("LogSettings", call, true, () => rpc.LogSettings({ change })),
      repositoryIndex: (call) =>
        perform("RepositoryIndex", call, true, () => rpc.RepositoryIndex({ ready: call?.readyOnly ?? false })),
      loadModel: (model, { config, files, version, ...call }: Call & LoadOptions = {}) =>
        alone("RepositoryModelLoad", model, version, call, (version) =>
          rpc.RepositoryModelLoad({
            model,
            ...version,
            ...(config === undefined ? {} : { config: JSON.stringify(config) }),
            ...(files === undefined ? {} : { files })
          })),
      unloadModel: (model, { unloadDependents = false, version, ...call } = {}) =>
        alone("RepositoryModelUnload", model, version, call, (version) =>
          rpc.RepositoryModelUnload({ model, unloadDependents, ...version }))
    }
  })

/**
 * Provides `InferenceClient` on the transport that the program provides.
 *
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<InferenceClient, never, RpcClient.Protocol> =>
  Layer.effect(InferenceClient, make(options))

/**
 * The transport to `/rpc` of a server at an address such as `http://localhost:8000`: binary, one POST for each call.
 *
 * An address that is none is a defect.
 *
 * @category layers
 */
export const layerProtocolHttp = (
  url: string | URL
): Layer.Layer<RpcClient.Protocol, never, HttpClient.HttpClient> =>
  RpcClient.layerProtocolHttp({ url: `${serverUrl(url)}/rpc`, transformClient: TraceState.passingOn }).pipe(
    Layer.provide(RpcSerialization.layerSchemaBinary())
  )
