/**
 * The one door: every front end, and every embedding application, asks here.
 *
 * Upstream: front ends. Downstream: `ModelRepository`.
 */
import { Context, type Effect, type Result } from "effect"
import type { InferenceError, InvalidRequest, ModelNotFound, ModelNotReady } from "../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse } from "../schema/Inference.ts"
import type { ModelMetadata, ServerMetadata } from "../schema/Metadata.ts"
import type { Model, ModelRepository } from "./ModelRepository.ts"

/** @category services */
export class InferenceServer extends Context.Service<InferenceServer, {
  readonly metadata: ServerMetadata
  /** Initialisation did not fail. */
  readonly live: Effect.Effect<boolean>
  /** The server takes requests and, with strict readiness, every model is ready. */
  readonly ready: Effect.Effect<boolean>
  /** `true` once shutdown has begun. */
  readonly stopping: () => boolean
  /** Finds the model of a request, before anything of the request's body is looked at. */
  readonly model: (
    name: string,
    version: string
  ) => Result.Result<Model, ModelNotFound | ModelNotReady | InvalidRequest>
  /** Versions are those ready now, or the one asked for. */
  readonly modelMetadata: (
    name: string,
    version: string
  ) => Result.Result<ModelMetadata, ModelNotFound | ModelNotReady | InvalidRequest>
  /**
   * Validates, schedules and runs one request.
   *
   * The tensors of the request are borrowed until the effect completes; those of the response are the caller's until
   * `release`. Interruption withdraws the request where it still waits.
   */
  readonly infer: (model: Model, request: InferenceRequest) => Effect.Effect<InferenceResponse, InferenceError>
  /** Load, unload and index, as the repository gives them. */
  readonly repository: ModelRepository["Service"]
}>()("galatea/services/InferenceServer") {}
