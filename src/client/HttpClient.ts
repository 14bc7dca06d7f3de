/** The client over HTTP: plain promises and `fetch`, for Node and browsers. */
import type { CallOptions, InferenceClient } from "./InferenceClient.ts"
import { InferenceServerError } from "./InferenceServerError.ts"
import { infer } from "./internal/http/InferOperation.ts"
import { type Answer, nameOf, type Operation } from "./internal/http/Operation.ts"
import * as Operations from "./internal/http/Operations.ts"
import { prepare } from "./internal/http/RequestHead.ts"
import { serverUrl, unreachable } from "./internal/http/ServerUrl.ts"
import { type Patience, patience } from "./internal/Time.ts"
import { tried } from "./internal/Tries.ts"
import * as WireRequest from "./internal/WireRequest.ts"
import { toResponse } from "./internal/WireResponse.ts"
import type { AnyModels } from "./Models.ts"
import type { RetryPolicy } from "./Retry.ts"

/** @category models */
export interface HttpOptions<Models extends AnyModels = AnyModels> {
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Ends the client: aborts what is in flight, and every later call. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that a call may take, unless it says so itself. Default: no limit. */
  readonly timeoutMillis?: number | undefined
  /** When calls are tried again; `false`: never. */
  readonly retry?: RetryPolicy | false | undefined
  /** Compression of inferences. A browser decides about answers itself. Default: none. */
  readonly compression?: {
    readonly request?: "gzip" | "deflate" | undefined
    readonly response?: "gzip" | "deflate" | undefined
  } | undefined
  /** Tensors travel as JSON with `false`: for servers without the binary extension. Default `true`. */
  readonly binary?: boolean | undefined
  /** What is known of the models, as `galatea codegen` writes it: calls are then checked while they compile, and before they are sent. */
  readonly models?: Models | undefined
  /** Performs the requests. Default: `fetch` of the platform. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * A client of the server at an address such as `http://localhost:8000`. Nothing is sent before the first call.
 *
 * @category constructors
 */
export const connect = <const Models extends AnyModels = AnyModels>(
  url: string | URL,
  options: HttpOptions<Models> = {}
): InferenceClient<Models> => {
  const base = serverUrl(url)
  const closing = new AbortController()
  const signals = options.signal === undefined ? [closing.signal] : [closing.signal, options.signal]
  const perform = async <A>(operation: Operation<A>, call: CallOptions = {}): Promise<A> => {
    const own = call.signal === undefined ? signals : [...signals, call.signal]
    const time = patience(nameOf(operation), own, call.timeoutMillis ?? options.timeoutMillis)
    const attempt = async () => operation.read(await ask(base, options, operation, call, time))
    return tried(operation.repeatable && (options.retry ?? {}), time, attempt).finally(time.end)
  }
  const known = (model: string) =>
    options.models !== undefined && Object.hasOwn(options.models, model) ? options.models[model] : undefined
  const version = (call: { readonly version?: string | number | undefined } = {}, model: string) =>
    WireRequest.versionText(call.version, model)
  return {
    infer: async (model, inputs, call = {}) => {
      const request = WireRequest.make(model, inputs, call, known(model))
      const operation = infer(request, options.binary ?? true)
      return toResponse(await perform(operation, call), call.bytesAs, nameOf(operation))
    },
    serverLive: (call) => perform(Operations.serverLive, call),
    serverReady: (call) => perform(Operations.serverReady, call),
    modelReady: async (model, call) => perform(Operations.modelReady(model, version(call, model)), call),
    serverMetadata: (call) => perform(Operations.serverMetadata, call),
    modelMetadata: async (model, call) => perform(Operations.modelMetadata(model, version(call, model)), call),
    modelConfig: async (model, call) => perform(Operations.modelConfig(model, version(call, model)), call),
    statistics: async (model = "", call) => perform(Operations.statistics(model, version(call, model)), call),
    traceSettings: async (model = "", call) => perform(Operations.traceSettings(model), call),
    changeTraceSettings: async (change, call = {}) =>
      perform(Operations.changeTraceSettings(change, call.model ?? ""), call),
    logSettings: (call) => perform(Operations.logSettings, call),
    changeLogSettings: async (change, call) => perform(Operations.changeLogSettings(change), call),
    repositoryIndex: (call) => perform(Operations.repositoryIndex(call?.readyOnly ?? false), call),
    loadModel: async (model, call = {}) => perform(Operations.loadModel(model, call), call),
    unloadModel: async (model, call = {}) => perform(Operations.unloadModel(model, call), call),
    close: async () => {
      closing.abort(new InferenceServerError("the client is closed", { code: "CANCELLED", request: "close" }))
    }
  }
}

const ask = async <A>(
  base: string,
  options: HttpOptions,
  operation: Operation<A>,
  call: CallOptions,
  time: Patience
): Promise<Answer> => {
  const { fetch = globalThis.fetch } = options
  const { body, headers } = await prepare(operation, options, call.headers, time.left())
  try {
    const response = await fetch(base + operation.path, {
      method: operation.method,
      headers,
      signal: time.signal,
      ...(body === undefined ? {} : { body })
    })
    const received = new Uint8Array(await response.arrayBuffer())
    return { status: response.status, header: (name) => response.headers.get(name) ?? undefined, body: received }
  } catch (cause) {
    if (time.signal.aborted) throw time.signal.reason
    throw unreachable(base, nameOf(operation), cause)
  }
}
