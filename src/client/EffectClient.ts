/** The client over HTTP as an Effect service: the calls of `galatea/client`, with typed errors and the HTTP client of the program. */
import { type Duration, Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { type Call, type EffectClient, InferenceClient, type VersionCall } from "./EffectInferenceClient.ts"
import type { InferenceServerError } from "./InferenceServerError.ts"
import { type Answered, attempt, within } from "./internal/effect/EffectTries.ts"
import * as TraceState from "./internal/effect/TraceState.ts"
import { decompress } from "./internal/http/Compress.ts"
import { infer } from "./internal/http/InferOperation.ts"
import { type Answer, nameOf, type Operation } from "./internal/http/Operation.ts"
import * as Operations from "./internal/http/Operations.ts"
import { prepare, type Sending } from "./internal/http/RequestHead.ts"
import { serverUrl, unreachable } from "./internal/http/ServerUrl.ts"
import * as WireRequest from "./internal/WireRequest.ts"
import { toResponse } from "./internal/WireResponse.ts"
import type { AnyModels } from "./Models.ts"
import type { RetryPolicy } from "./Retry.ts"

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
export interface Options<Models extends AnyModels = AnyModels> extends Sending {
  /** Longest time for a call, retries included; an inference tells the server too. Default: no limit. */
  readonly timeout?: Duration.Input | undefined
  /** When calls are tried again; `false`: never. */
  readonly retry?: RetryPolicy | false | undefined
  /** Tensors travel as JSON with `false`: for servers without the binary extension. Default `true`. */
  readonly binary?: boolean | undefined
  /** What is known of the models, as `galatea codegen` writes it. */
  readonly models?: Models | undefined
}

/**
 * A client of the server at an address such as `http://localhost:8000`. Nothing is sent before the first call. Calls are part of the span
 * around them, and the server is told of it (`traceparent`, `tracestate`).
 *
 * Errors: `InferenceServerError` with the code `INVALID_ARG` where the address is none.
 *
 * @category constructors
 */
export const make = <const Models extends AnyModels = AnyModels>(
  url: string | URL,
  options: Options<Models> = {}
): Effect.Effect<EffectClient<Models>, InferenceServerError, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const http = TraceState.passingOn(yield* HttpClient.HttpClient)
    const base = yield* attempt(() => serverUrl(url))
    const perform = <A>(operation: Operation<A>, call: Call = {}): Answered<A> =>
      within(
        nameOf(operation),
        call.timeout ?? options.timeout,
        operation.repeatable && (options.retry ?? {}),
        (left) =>
          ask(http, base, options, operation, call, left).pipe(
            Effect.flatMap((answer) => attempt(() => operation.read(answer)))
          )
      )
    /** For operations whose making may find something wrong. */
    const made = <A>(operation: () => Operation<A>, call?: Call): Answered<A> =>
      Effect.flatMap(attempt(operation), (one) => perform(one, call))
    const version = (model: string, call: VersionCall = {}) => WireRequest.versionText(call.version, model)
    const known = (model: string) =>
      options.models !== undefined && Object.hasOwn(options.models, model) ? options.models[model] : undefined
    return {
      infer: (model, inputs, call = {}) =>
        Effect.gen(function*() {
          const request = yield* attempt(() => WireRequest.make(model, inputs, call, known(model)))
          const operation = yield* attempt(() => infer(request, options.binary ?? true))
          const response = yield* perform(operation, call)
          // Which outputs there are follows from the types of the call.
          return yield* attempt(() => toResponse<never>(response, call.bytesAs, nameOf(operation)))
        }),
      serverLive: (call) => perform(Operations.serverLive, call),
      serverReady: (call) => perform(Operations.serverReady, call),
      modelReady: (model, call) => made(() => Operations.modelReady(model, version(model, call)), call),
      serverMetadata: (call) => perform(Operations.serverMetadata, call),
      modelMetadata: (model, call) => made(() => Operations.modelMetadata(model, version(model, call)), call),
      modelConfig: (model, call) => made(() => Operations.modelConfig(model, version(model, call)), call),
      statistics: (model = "", call) => made(() => Operations.statistics(model, version(model, call)), call),
      traceSettings: (model = "", call) => made(() => Operations.traceSettings(model), call),
      changeTraceSettings: (change, call = {}) =>
        made(() => Operations.changeTraceSettings(change, call.model ?? ""), call),
      logSettings: (call) => perform(Operations.logSettings, call),
      changeLogSettings: (change, call) => made(() => Operations.changeLogSettings(change), call),
      repositoryIndex: (call) => perform(Operations.repositoryIndex(call?.readyOnly ?? false), call),
      loadModel: (model, call = {}) => made(() => Operations.loadModel(model, call), call),
      unloadModel: (model, call = {}) => made(() => Operations.unloadModel(model, call), call)
    }
  })

/**
 * Provides `InferenceClient`. With `FetchHttpClient.layer` of effect/http as the HTTP client it runs in Node and browsers.
 *
 * @category layers
 */
export const layer = (
  url: string | URL,
  options: Options = {}
): Layer.Layer<InferenceClient, InferenceServerError, HttpClient.HttpClient> =>
  Layer.effect(InferenceClient, make(url, options))

const ask = <A>(
  http: HttpClient.HttpClient,
  base: string,
  options: Options,
  operation: Operation<A>,
  call: Call,
  leftMillis: number | undefined
): Answered<Answer> =>
  Effect.gen(function*() {
    const { body, headers } = yield* Effect.promise(() => prepare(operation, options, call.headers, leftMillis))
    const request = HttpClientRequest.make(operation.method)(base + operation.path, {
      headers: Object.fromEntries(headers)
    })
    const response = yield* http.execute(
      body === undefined
        ? request
        : HttpClientRequest.bodyUint8Array(request, body, headers.get("Content-Type") ?? "application/json")
    )
    const received = new Uint8Array(yield* response.arrayBuffer)
    const coding = response.headers["content-encoding"]
    // Not every HTTP client decompresses. What is decompressed begins with a brace.
    const packed = (coding === "gzip" || coding === "deflate") && received[0] !== 0x7b
    return {
      status: response.status,
      header: (name: string) => response.headers[name],
      body: packed ? yield* Effect.tryPromise(() => decompress(received, coding)) : received
    }
  }).pipe(Effect.mapError((error) => unreachable(base, nameOf(operation), "reason" in error ? error.reason : error)))
