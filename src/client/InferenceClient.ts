/** The calls that every client has, whichever way it talks to the server. */
import type { Parameter, SequenceStep } from "../schema/Inference.ts"
import type { LogChange, LogSetting } from "../schema/LogSetting.ts"
import type { ModelMetadata, ServerMetadata } from "../schema/Metadata.ts"
import type { TraceChange, TraceSetting } from "../schema/TraceSetting.ts"
import type { InferenceServerError } from "./InferenceServerError.ts"
import type { AnyModels, InputsOf, ModelDescription, OutputName, OutputsOf, RequestedOutput } from "./Models.ts"
import type { IndexEntry, ModelConfigJson, VersionStatistics } from "./Reports.ts"
import type { BytesAs } from "./Values.ts"

/** What any call can be given. @category models */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds that the caller waits, retries included; over that the call fails with `DEADLINE_EXCEEDED`. An inference tells
   * the server too (`X-Request-Timeout`), so that a server that knows the header does not run what nobody waits for.
   */
  readonly timeoutMillis?: number | undefined
  /** Sent with this call, beside those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A step of a sequence. Requests of sequences are never sent twice. @category models */
export interface Sequence {
  /** Text, or a whole number from 1 to 2^64 - 1; "5" and 5 are two sequences. 0 and "" are none. */
  readonly id: SequenceStep["id"] | number
  /** The first step. */
  readonly start?: boolean
  /** The last step. */
  readonly end?: boolean
}

/** @category models */
export interface InferOptions<Requested = unknown, B extends BytesAs = BytesAs> extends CallOptions {
  /** Version of the model, or a label of one; where it is left out, the highest that is ready or what the model's rollout says. */
  readonly version?: string | number | undefined
  /** Echoed in the answer, and named in the messages of the server. */
  readonly id?: string | undefined
  /** Outputs to send; all where it is left out. */
  readonly outputs?: Requested
  /** 1 is the most urgent, 0 the model's default. */
  readonly priority?: number | undefined
  /** Microseconds that the request may wait in the queue, where the queue policy of the model lets requests say so. */
  readonly queueTimeoutMicros?: number | undefined
  /** Further parameters, handed to the model. */
  readonly parameters?: Readonly<Record<string, Parameter>> | undefined
  readonly sequence?: Sequence | undefined
  /** How elements of BYTES outputs are given. Default `"string"`; an element that is not UTF-8 is then an error. */
  readonly bytesAs?: B | undefined
}

/** @category models */
export interface InferResponse<Outputs> {
  /** `""` where the request had none. */
  readonly id: string
  readonly modelName: string
  readonly modelVersion: string
  readonly parameters: Readonly<Record<string, Parameter>>
  readonly outputs: Outputs
}

/** What `load` can be given. @category models */
export interface LoadOptions extends CallOptions {
  /** Configuration instead of the model's `config.pbtxt`. */
  readonly config?: ModelConfigJson | undefined
  /** Files of the model, by their path in its folder, such as `1/model.onnx`; `config` is needed with them. */
  readonly files?: Readonly<Record<string, Uint8Array>> | undefined
  /** This version alone; the others stay as they are. Servers other than Galatea refuse it. */
  readonly version?: string | number | undefined
}

/** @category models */
export interface UnloadOptions extends CallOptions {
  /** Unloads the models that an ensemble consists of as well. */
  readonly unloadDependents?: boolean | undefined
  /** This version alone. Servers other than Galatea unload all. */
  readonly version?: string | number | undefined
}

/** A version of a model, or a label of one; the one that requests without a version go to where it is left out. @category models */
export interface VersionOptions extends CallOptions {
  readonly version?: string | number | undefined
}

/**
 * A client of a server that speaks KServe V2 with Triton's extensions. Each call fails with `InferenceServerError`.
 *
 * @category models
 */
export interface InferenceClient<Models extends AnyModels = AnyModels> {
  /**
   * Runs a model once.
   *
   * Inputs are borrowed until the promise settles; do not change them before. Outputs belong to the caller; several may share
   * one buffer.
   */
  readonly infer: <
    const Name extends keyof Models & string,
    const Requested extends ReadonlyArray<RequestedOutput<OutputName<Models[Name]>>> | undefined = undefined,
    const B extends BytesAs = "string"
  >(
    model: Name,
    inputs: InputsOf<Models[Name]>,
    options?: InferOptions<Requested, B>
  ) => Promise<InferResponse<OutputsOf<Models[Name], Requested, B>>>
  /** Whether the server runs. */
  readonly serverLive: (options?: CallOptions) => Promise<boolean>
  /** Whether the server takes requests, and, where it is strict about that, every model is ready. */
  readonly serverReady: (options?: CallOptions) => Promise<boolean>
  /** Whether a model takes requests; `false` for one that does not exist. */
  readonly modelReady: (model: keyof Models & string, options?: VersionOptions) => Promise<boolean>
  /** Name, version and extensions of the server. */
  readonly serverMetadata: (options?: CallOptions) => Promise<ServerMetadata>
  /** Inputs and outputs of a model. */
  readonly modelMetadata: (model: keyof Models & string, options?: VersionOptions) => Promise<ModelMetadata>
  /** The final configuration of a model, with every default. */
  readonly modelConfig: (model: keyof Models & string, options?: VersionOptions) => Promise<ModelConfigJson>
  /** What was counted of a model, or of all, one entry for each version that is ready. */
  readonly statistics: (
    model?: keyof Models & string,
    options?: VersionOptions
  ) => Promise<ReadonlyArray<VersionStatistics>>
  /** What is traced of a model, or of all that have no settings of their own. */
  readonly traceSettings: (model?: keyof Models & string, options?: CallOptions) => Promise<TraceSetting>
  /** Changes what is traced, and gives what is in force then. A change begins to count anew: it is never sent twice. */
  readonly changeTraceSettings: (
    change: TraceChange,
    options?: CallOptions & { readonly model?: (keyof Models & string) | undefined }
  ) => Promise<TraceSetting>
  /** What is written into the log. */
  readonly logSettings: (options?: CallOptions) => Promise<LogSetting>
  /** Changes what is written into the log, and gives what is in force then. */
  readonly changeLogSettings: (change: LogChange, options?: CallOptions) => Promise<LogSetting>
  /** Every model and version with its state. */
  readonly repositoryIndex: (
    options?: CallOptions & { readonly readyOnly?: boolean | undefined }
  ) => Promise<ReadonlyArray<IndexEntry>>
  /** Loads a model and resolves when it is ready. */
  readonly loadModel: (model: string, options?: LoadOptions) => Promise<void>
  /** Unloads a model; resolves as soon as that has begun. */
  readonly unloadModel: (model: string, options?: UnloadOptions) => Promise<void>
  /** Aborts what is in flight; later calls fail. */
  readonly close: () => Promise<void>
}

/** One request of a stream. @category models */
export interface StreamRequest<T extends ModelDescription, Requested> {
  readonly inputs: InputsOf<T>
  readonly options?: Omit<InferOptions<Requested>, keyof CallOptions | "bytesAs">
}

/** What a stream can be given. @category models */
export interface StreamOptions<B extends BytesAs = BytesAs> extends CallOptions {
  /** How elements of BYTES outputs are given. Default `"string"`. */
  readonly bytesAs?: B | undefined
  /**
   * Told of a request of the stream that failed; the stream goes on. Without it such an error is thrown, and ends the stream.
   * The server names the request by its `id` in the message.
   */
  readonly onError?: ((error: InferenceServerError) => void) | undefined
}

/** A client that keeps a stream of requests and answers open. @category models */
export interface StreamingClient<Models extends AnyModels = AnyModels> extends InferenceClient<Models> {
  /**
   * Sends requests over one stream and gives the answers in the order in which they come: one for each request, or as many as
   * a decoupled model gives. Requests are taken from their iterable while there is room to send them. Ending the iteration early
   * cancels what is in flight.
   */
  readonly stream: <
    const Name extends keyof Models & string,
    const Requested extends ReadonlyArray<RequestedOutput<OutputName<Models[Name]>>> | undefined = undefined,
    const B extends BytesAs = "string"
  >(
    model: Name,
    requests:
      | Iterable<StreamRequest<Models[Name], Requested>>
      | AsyncIterable<StreamRequest<Models[Name], Requested>>,
    options?: StreamOptions<B>
  ) => AsyncIterableIterator<InferResponse<OutputsOf<Models[Name], Requested, B>>>
}
