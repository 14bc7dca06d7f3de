/**
 * A client of servers that speak KServe V2 with Triton's extensions, over HTTP: promises, typed arrays and `fetch`, without
 * dependencies. For Node and browsers.
 */
export type { LogChange, LogFormat, LogSetting } from "../schema/LogSetting.ts"
export type { TraceChange, TraceLevel, TraceMode, TraceSetting } from "../schema/TraceSetting.ts"
export { connect, type HttpOptions } from "./HttpClient.ts"
export type {
  CallOptions,
  InferenceClient,
  InferOptions,
  InferResponse,
  LoadOptions,
  Sequence,
  UnloadOptions,
  VersionOptions
} from "./InferenceClient.ts"
export { type ErrorCode, InferenceServerError } from "./InferenceServerError.ts"
export type {
  AnyModels,
  InputOf,
  InputsOf,
  InputTensor,
  ModelDescription,
  ModelDescriptions,
  OutputsOf,
  OutputTensor,
  RequestedOutput,
  TensorDescription
} from "./Models.ts"
export type { IndexEntry, ModelConfigJson, Phase, VersionStatistics } from "./Reports.ts"
export type { RetryPolicy } from "./Retry.ts"
export { type Tensor, tensor } from "./Tensor.ts"
export type { BytesAs, InputValues, OutputValues } from "./Values.ts"
