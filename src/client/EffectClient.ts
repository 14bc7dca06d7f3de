/** The client over HTTP as an Effect service: the calls of `galatea/client`, with typed errors and the HTTP client of the program. */
import { Clock, Context, Duration, Effect, Layer, Random } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { ModelMetadata, ServerMetadata } from "../schema/Metadata.ts"
import type { CallOptions, InferOptions, InferResponse, LoadOptions } from "./InferenceClient.ts"
import { InferenceServerError } from "./InferenceServerError.ts"
import { decompress } from "./internal/http/Compress.ts"
import { infer } from "./internal/http/InferOperation.ts"
import { type Answer, nameOf, type Operation } from "./internal/http/Operation.ts"
import * as Operations from "./internal/http/Operations.ts"
import { prepare, type Sending } from "./internal/http/RequestHead.ts"
import { serverUrl, unreachable } from "./internal/http/ServerUrl.ts"
import * as WireRequest from "./internal/WireRequest.ts"
import { toResponse } from "./internal/WireResponse.ts"
import type { AnyModels, InputsOf, OutputName, OutputsOf, RequestedOutput } from "./Models.ts"
import type { IndexEntry, ModelConfigJson, VersionStatistics } from "./Reports.ts"
import { delayMillis, type RetryPolicy } from "./Retry.ts"
import type { BytesAs } from "./Values.ts"

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

/** What any call can be given; interruption aborts it. @category models */
export interface Call {
  readonly timeout?: Duration.Input | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A version of a model; the highest that is ready where it is left out. @category models */
export interface VersionCall extends Call {
  readonly version?: string | number | undefined
}

/** @category models */
export interface InferCall<Requested = unknown, B extends BytesAs = BytesAs>
  extends Call, Omit<InferOptions<Requested, B>, keyof CallOptions>
{}

type Answered<A> = Effect.Effect<A, InferenceServerError>

/** The calls of a client; see `InferenceClient` of `galatea/client` for what each does. @category models */
export interface EffectClient<Models extends AnyModels = AnyModels> {
  /** Runs a model once. Inputs are borrowed until the effect completes; outputs belong to the caller. */
  readonly infer: <
    const Name extends keyof Models & string,
    const Requested extends ReadonlyArray<RequestedOutput<OutputName<Models[Name]>>> | undefined = undefined,
    const B extends BytesAs = "string"
  >(
    model: Name,
    inputs: InputsOf<Models[Name]>,
    call?: InferCall<Requested, B>
  ) => Answered<InferResponse<OutputsOf<Models[Name], Requested, B>>>
  readonly serverLive: (call?: Call) => Answered<boolean>
  readonly serverReady: (call?: Call) => Answered<boolean>
  readonly modelReady: (model: keyof Models & string, call?: VersionCall) => Answered<boolean>
  readonly serverMetadata: (call?: Call) => Answered<ServerMetadata>
  readonly modelMetadata: (model: keyof Models & string, call?: VersionCall) => Answered<ModelMetadata>
  readonly modelConfig: (model: keyof Models & string, call?: VersionCall) => Answered<ModelConfigJson>
  readonly statistics: (
    model?: keyof Models & string,
    call?: VersionCall
  ) => Answered<ReadonlyArray<VersionStatistics>>
  readonly repositoryIndex: (
    call?: Call & { readonly readyOnly?: boolean | undefined }
  ) => Answered<ReadonlyArray<IndexEntry>>
  readonly loadModel: (model: string, call?: Call & Omit<LoadOptions, keyof CallOptions>) => Answered<void>
  readonly unloadModel: (
    model: string,
    call?: Call & { readonly unloadDependents?: boolean | undefined }
  ) => Answered<void>
}

/** A client of one server, where nothing is known about its models. @category services */
export class InferenceClient extends Context.Service<InferenceClient, EffectClient>()(
  "galatea/client/EffectClient/InferenceClient"
) {}

/**
 * A client of the server at an address such as `http://localhost:8000`. Nothing is sent before the first call.
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
    const http = yield* HttpClient.HttpClient
    const base = yield* attempt(() => serverUrl(url))
    const perform = <A>(operation: Operation<A>, call: Call = {}): Answered<A> =>
      within(operation, call.timeout ?? options.timeout, (left) =>
        ask(http, base, options, operation, call, left).pipe(
          Effect.flatMap((answer) => attempt(() => operation.read(answer)))
        ), options.retry ?? {})
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
      repositoryIndex: (call) => perform(Operations.repositoryIndex(call?.readyOnly ?? false), call),
      loadModel: (model, call = {}) => perform(Operations.loadModel(model, call), call),
      unloadModel: (model, call = {}) => perform(Operations.unloadModel(model, call), call)
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

/** Runs what throws nothing but `InferenceServerError`; anything else is a bug. */
const attempt = <A>(evaluate: () => A): Answered<A> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(evaluate())
    } catch (error) {
      return error instanceof InferenceServerError ? Effect.fail(error) : Effect.die(error)
    }
  })

/** Tries within the time, and again where the policy says so. A pause longer than the time that is left is not begun. */
const within = <A>(
  operation: Operation<A>,
  timeout: Duration.Input | undefined,
  once: (leftMillis: number | undefined) => Answered<A>,
  retry: RetryPolicy | false
): Answered<A> =>
  Effect.gen(function*() {
    const duration = timeout === undefined ? undefined : Duration.fromInputUnsafe(timeout)
    const began = yield* Clock.currentTimeMillis
    const left = Effect.map(
      Clock.currentTimeMillis,
      (now) => duration === undefined ? undefined : Duration.toMillis(duration) - (now - began)
    )
    const tried = (failures: number): Answered<A> =>
      Effect.flatMap(left, once).pipe(
        Effect.catch((error) =>
          Effect.gen(function*() {
            const delay = delayMillis(operation.repeatable && retry, error, failures, yield* Random.next)
            if (delay === undefined || delay >= ((yield* left) ?? Infinity)) return yield* Effect.fail(error)
            yield* Effect.sleep(delay)
            return yield* tried(failures + 1)
          })
        )
      )
    if (duration === undefined) return yield* tried(1)
    const request = nameOf(operation)
    const message = `${request} was not answered within ${Duration.toMillis(duration)} ms`
    return yield* Effect.timeoutOrElse(tried(1), {
      duration,
      orElse: () => Effect.fail(new InferenceServerError(message, { code: "DEADLINE_EXCEEDED", request }))
    })
  })

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
