/**
 * The whole door as procedures of Effect RPC, named as those of KServe's gRPC service.
 *
 * A client is `RpcClient.make(InferenceRpcs)` over any of Effect's client protocols; the server is `layers/frontend/RpcFrontend`,
 * or `/rpc` of the HTTP front end.
 */
import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import {
  ControlNotAllowed,
  InferenceError,
  InvalidRequest,
  LoadFailed,
  ModelNotFound,
  ModelNotReady,
  PollFailed,
  Unsupported
} from "../Errors.ts"
import { ModelMetadata, ServerMetadata } from "../Metadata.ts"
import { InferRequest, InferResponse } from "./Infer.ts"
import { LogChange, LogSetting } from "./LogSettings.ts"
import { IndexEntry, ModelConfig, ModelId, ModelStatistics } from "./Models.ts"
import { Restriction } from "./Restriction.ts"
import { TensorBytes } from "./TensorBytes.ts"
import { TraceChange, TraceSetting } from "./TraceSettings.ts"

/** Why a model cannot be asked about. @category errors */
export const LookupFailure = Schema.Union([ModelNotFound, ModelNotReady, InvalidRequest])

/** Why a model could not be loaded or unloaded. @category errors */
export const ControlFailure = Schema.Union([ControlNotAllowed, LoadFailed, PollFailed, InvalidRequest, Unsupported])

/** Why settings of tracing cannot be told or changed. @category errors */
export const TraceFailure = Schema.Union([ModelNotFound, InvalidRequest, Unsupported])

/** @category models */
export class InferenceRpcs extends RpcGroup.make(
  Rpc.make("ServerLive", { success: Schema.Boolean }),
  Rpc.make("ServerReady", { success: Schema.Boolean }),
  Rpc.make("ServerMetadata", { success: ServerMetadata }),
  /** The version is ready and at least one of its instances is up. */
  Rpc.make("ModelReady", { payload: ModelId, success: Schema.Boolean, error: LookupFailure }),
  Rpc.make("ModelMetadata", { payload: ModelId, success: ModelMetadata, error: LookupFailure }),
  Rpc.make("ModelConfig", { payload: ModelId, success: ModelConfig, error: LookupFailure }),
  /** Without a model: every ready version of every model. Without a version: every ready one. */
  Rpc.make("ModelStatistics", {
    payload: { model: Schema.optionalKey(Schema.String), version: Schema.optionalKey(Schema.String) },
    success: Schema.Array(ModelStatistics),
    error: InvalidRequest
  }),
  /** `ready`: only versions that are ready. */
  Rpc.make("RepositoryIndex", {
    payload: { ready: Schema.optionalKey(Schema.Boolean) },
    success: Schema.Array(IndexEntry)
  }),
  /**
   * `config`: JSON that takes the place of the model's own; `files`: by path, and take the place of its folder. `version`: this
   * one alone, here and in `RepositoryModelUnload`.
   */
  Rpc.make("RepositoryModelLoad", {
    payload: {
      model: Schema.String,
      config: Schema.optionalKey(Schema.String),
      files: Schema.optionalKey(Schema.Record(Schema.String, TensorBytes)),
      version: Schema.optionalKey(Schema.String)
    },
    error: ControlFailure
  }),
  Rpc.make("RepositoryModelUnload", {
    payload: {
      model: Schema.String,
      unloadDependents: Schema.optionalKey(Schema.Boolean),
      version: Schema.optionalKey(Schema.String)
    },
    error: ControlFailure
  }),
  /** What is traced of a model, or of all that have no settings of their own; after a change, if there is one. */
  Rpc.make("TraceSetting", {
    payload: { model: Schema.optionalKey(Schema.String), change: Schema.optionalKey(TraceChange) },
    success: TraceSetting,
    error: TraceFailure
  }),
  /** What is written into the log; after a change, if there is one. */
  Rpc.make("LogSettings", {
    payload: { change: Schema.optionalKey(LogChange) },
    success: LogSetting,
    error: Schema.Union([InvalidRequest, Unsupported])
  }),
  /** One answer. Interruption of the caller withdraws the request where it still waits. */
  Rpc.make("ModelInfer", { payload: InferRequest, success: InferResponse, error: InferenceError }),
  /** As many answers as the model gives to the request: one, unless it is decoupled. */
  Rpc.make("ModelStreamInfer", { payload: InferRequest, success: InferResponse, error: InferenceError, stream: true })
).middleware(Restriction) {}
