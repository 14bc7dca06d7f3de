/** The calls that every client has, as effects. */
import { Context, type Duration, type Effect } from "effect"
import type { LogChange, LogSetting } from "../schema/LogSetting.ts"
import type { ModelMetadata, ServerMetadata } from "../schema/Metadata.ts"
import type { TraceChange, TraceSetting } from "../schema/TraceSetting.ts"
import type { CallOptions, InferOptions, InferResponse, LoadOptions, UnloadOptions } from "./InferenceClient.ts"
import type { InferenceServerError } from "./InferenceServerError.ts"
import type { AnyModels, InputsOf, OutputName, OutputsOf, RequestedOutput } from "./Models.ts"
import type { IndexEntry, ModelConfigJson, VersionStatistics } from "./Reports.ts"
import type { BytesAs } from "./Values.ts"

/** What any call can be given; interruption aborts it. @category models */
export interface Call {
  readonly timeout?: Duration.Input | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A version of a model, or a label of one; the one that requests without a version go to where it is left out. @category models */
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
  readonly traceSettings: (model?: keyof Models & string, call?: Call) => Answered<TraceSetting>
  readonly changeTraceSettings: (
    change: TraceChange,
    call?: Call & { readonly model?: (keyof Models & string) | undefined }
  ) => Answered<TraceSetting>
  readonly logSettings: (call?: Call) => Answered<LogSetting>
  readonly changeLogSettings: (change: LogChange, call?: Call) => Answered<LogSetting>
  readonly repositoryIndex: (
    call?: Call & { readonly readyOnly?: boolean | undefined }
  ) => Answered<ReadonlyArray<IndexEntry>>
  readonly loadModel: (model: string, call?: Call & Omit<LoadOptions, keyof CallOptions>) => Answered<void>
  readonly unloadModel: (
    model: string,
    call?: Call & Omit<UnloadOptions, keyof CallOptions>
  ) => Answered<void>
}

/** A client of one server, where nothing is known about its models. @category services */
export class InferenceClient extends Context.Service<InferenceClient, EffectClient>()(
  "galatea/client/EffectInferenceClient/InferenceClient"
) {}
