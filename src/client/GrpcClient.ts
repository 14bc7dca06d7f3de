/** The client over gRPC, for Node: the calls of `galatea/client`, and streams. */
import { toJson } from "../schema/proto/ConfigJson.ts"
import type { GrpcCallOptions, GrpcChannelOptions } from "./grpc/GrpcChannel.ts"
import * as GrpcInferenceClient from "./grpc/GrpcInferenceClient.ts"
import type { CallOptions, InferOptions, StreamingClient, StreamOptions } from "./InferenceClient.ts"
import { InferenceServerError } from "./InferenceServerError.ts"
import { toError } from "./internal/grpc/Failures.ts"
import { fromMessage, toMessage } from "./internal/grpc/InferMessages.ts"
import * as Reports from "./internal/grpc/ReportMessages.ts"
import { patience } from "./internal/Time.ts"
import { tried } from "./internal/Tries.ts"
import * as WireRequest from "./internal/WireRequest.ts"
import { toResponse } from "./internal/WireResponse.ts"
import type { AnyModels } from "./Models.ts"
import type { ModelConfigJson } from "./Reports.ts"
import type { RetryPolicy } from "./Retry.ts"

export type { StreamingClient, StreamOptions, StreamRequest } from "./InferenceClient.ts"
export { InferenceServerError } from "./InferenceServerError.ts"
export { type Tensor, tensor } from "./Tensor.ts"

/** @category models */
export interface GrpcOptions<Models extends AnyModels = AnyModels> extends Omit<GrpcChannelOptions, "metadata"> {
  /** Metadata of every call. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Ends the client: aborts what is in flight, and every later call. */
  readonly signal?: AbortSignal | undefined
  /** When calls are tried again; `false`: never. Streams never are. */
  readonly retry?: RetryPolicy | false | undefined
  /** What is known of the models, as `galatea codegen` writes it. */
  readonly models?: Models | undefined
}

const service = "/inference.GRPCInferenceService"

/**
 * A client of the server at an address such as `localhost:8001`. Nothing is sent before the first call; one connection is kept
 * until `close`.
 *
 * @category constructors
 */
export const connectGrpc = <const Models extends AnyModels = AnyModels>(
  address: string,
  options: GrpcOptions<Models> = {}
): StreamingClient<Models> => {
  const { headers, models, retry = {}, signal, timeoutMillis, ...channel } = options
  const grpc = GrpcInferenceClient.connect(address, { ...channel, metadata: headers })
  const closing = new AbortController()
  const signals = signal === undefined ? [closing.signal] : [closing.signal, signal]
  const begin = (procedure: string, call: CallOptions) => {
    const own = call.signal === undefined ? signals : [...signals, call.signal]
    return patience(`${service}/${procedure}`, own, call.timeoutMillis ?? timeoutMillis)
  }
  const perform = async <A>(
    procedure: string,
    call: CallOptions | undefined,
    repeatable: boolean,
    attempt: (options: GrpcCallOptions) => Promise<A>
  ): Promise<A> => {
    const time = begin(procedure, call ?? {})
    const once = async () => {
      time.signal.throwIfAborted()
      return attempt({ signal: time.signal, timeoutMillis: time.left(), metadata: call?.headers }).catch((error) => {
        throw toError(error)
      })
    }
    return tried(repeatable && retry, time, once).finally(time.end)
  }
  const known = (model: string) => models !== undefined && Object.hasOwn(models, model) ? models[model] : undefined
  const target = (model: string, { version }: { readonly version?: string | number | undefined } = {}) => ({
    name: model,
    version: WireRequest.versionText(version, model)
  })
  const request = (model: string, inputs: Readonly<Record<string, unknown>>, call: InferOptions) =>
    WireRequest.make(model, inputs, call, known(model))

  async function* stream(
    model: string,
    requests: Iterable<Given> | AsyncIterable<Given>,
    { bytesAs, onError, ...call }: StreamOptions
  ) {
    const name = `${service}/ModelStreamInfer`
    const time = begin("ModelStreamInfer", call)
    const messages = async function*() {
      for await (const { inputs, options = {} } of requests) yield toMessage(request(model, inputs, options))
    }
    try {
      time.signal.throwIfAborted()
      const answers = grpc.modelStreamInfer(messages(), {
        signal: time.signal,
        timeoutMillis: time.left(),
        metadata: call.headers
      })
      for await (const { error_message: message, infer_response: response } of answers) {
        if (message === "" && response !== undefined) {
          // Which outputs there are follows from the types of the call.
          yield toResponse<never>(fromMessage(response, name), bytesAs, name)
          continue
        }
        const error = new InferenceServerError(message, { code: "UNKNOWN", request: name })
        if (onError === undefined) throw error
        onError(error)
      }
    } catch (error) {
      throw toError(error)
    } finally {
      time.end()
    }
  }

  return {
    infer: async (model, inputs, call = {}) => {
      const wire = request(model, inputs, call)
      const message = toMessage(wire)
      const name = `${service}/ModelInfer`
      const answer = await perform(
        "ModelInfer",
        call,
        wire.sequence === undefined,
        (own) => grpc.modelInfer(message, own)
      )
      return toResponse(fromMessage(answer, name), call.bytesAs, name)
    },
    stream: (model, requests, call = {}) => stream(model, requests as Iterable<Given>, call),
    serverLive: (call) => perform("ServerLive", call, false, async (own) => (await grpc.serverLive({}, own)).live),
    serverReady: (call) => perform("ServerReady", call, false, async (own) => (await grpc.serverReady({}, own)).ready),
    modelReady: async (model, call) =>
      perform("ModelReady", call, false, async (own) => (await grpc.modelReady(target(model, call), own)).ready).catch(
        orNotReady
      ),
    serverMetadata: (call) =>
      perform("ServerMetadata", call, true, async (own) => {
        const { extensions, name, version } = await grpc.serverMetadata({}, own)
        return { name, version, extensions }
      }),
    modelMetadata: async (model, call) =>
      Reports.metadataOf(
        await perform("ModelMetadata", call, true, (own) => grpc.modelMetadata(target(model, call), own))
      ),
    modelConfig: async (model, call) => {
      const { config } = await perform("ModelConfig", call, true, (own) => grpc.modelConfig(target(model, call), own))
      return config === undefined ? {} : JSON.parse(toJson(config)) as ModelConfigJson
    },
    statistics: async (model = "", call) => {
      const answer = await perform(
        "ModelStatistics",
        call,
        true,
        (own) => grpc.modelStatistics(target(model, call), own)
      )
      return answer.model_stats.map(Reports.statisticsOf)
    },
    traceSettings: async (model_name = "", call) =>
      Reports.traceSettingOf(
        await perform("TraceSetting", call, true, (own) => grpc.traceSetting({ model_name }, own))
      ),
    changeTraceSettings: async (change, call = {}) =>
      Reports.traceSettingOf(
        await perform(
          "TraceSetting",
          call,
          false,
          (own) => grpc.traceSetting(Reports.traceRequest(change, call.model ?? ""), own)
        )
      ),
    logSettings: async (call) =>
      Reports.logSettingOf(await perform("LogSettings", call, true, (own) => grpc.logSettings({}, own))),
    changeLogSettings: async (change, call) =>
      Reports.logSettingOf(
        await perform("LogSettings", call, true, (own) => grpc.logSettings(Reports.logRequest(change), own))
      ),
    repositoryIndex: async (call) => {
      const ready = call?.readyOnly ?? false
      const { models } = await perform("RepositoryIndex", call, true, (own) => grpc.repositoryIndex({ ready }, own))
      return models.map(Reports.indexEntryOf)
    },
    loadModel: async (model, call = {}) => {
      await perform(
        "RepositoryModelLoad",
        call,
        false,
        (own) => grpc.repositoryModelLoad(Reports.loadRequest(model, call), own)
      )
    },
    unloadModel: async (model, call = {}) => {
      await perform(
        "RepositoryModelUnload",
        call,
        false,
        (own) => grpc.repositoryModelUnload(Reports.unloadRequest(model, call), own)
      )
    },
    close: async () => {
      closing.abort(new InferenceServerError("the client is closed", { code: "CANCELLED", request: "close" }))
      grpc.close()
    }
  }
}

/** A request of a stream, whatever its model. */
interface Given {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly options?: InferOptions
}

/** Servers differ in whether they answer for a model that they do not have or refuse to. */
const orNotReady = (error: unknown): boolean => {
  if (error instanceof InferenceServerError && (error.code === "NOT_FOUND" || error.code === "UNAVAILABLE")) {
    return false
  }
  throw error
}
