/**
 * The one door: every front end, and every embedding application, asks here.
 *
 * Upstream: front ends. Downstream: `ModelRepository`.
 */
import { Context, Effect, Result, type Scope } from "effect"
import { InferenceError, type InvalidRequest, type ModelNotFound, type ModelNotReady } from "../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Parameter, RequestedOutput } from "../schema/Inference.ts"
import type { ModelMetadata, ServerMetadata } from "../schema/Metadata.ts"
import type { Model, ModelRepository } from "./ModelRepository.ts"

/** @category services */
export class InferenceServer extends Context.Service<InferenceServer, {
  readonly metadata: ServerMetadata
  /** Initialisation did not fail. */
  readonly live: Effect.Effect<boolean>
  /** The server takes requests and is not about to end, and, with strict readiness, every model is ready. */
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

/** A request by names: what is absent is as in the protocol. @category models */
export interface Request extends Partial<Omit<InferenceRequest, "inputs">> {
  readonly model: string
  /** Decimal; absent or `""`: the greatest ready version. */
  readonly version?: string
  readonly inputs: InferenceRequest["inputs"]
}

const noOutputs: ReadonlyArray<RequestedOutput> = []
const noParameters: ReadonlyMap<string, Parameter> = new Map()

/**
 * Finds a model and runs one request. The tensors of the answer are the caller's until the scope closes: they are released then,
 * and whoever wants them longer copies them.
 *
 * Interruption withdraws the request where it still waits.
 *
 * @category inference
 */
export const infer = (
  request: Request
): Effect.Effect<InferenceResponse, InferenceError, InferenceServer | Scope.Scope> =>
  Effect.flatMap(InferenceServer, (server) => {
    const found = server.model(request.model, request.version ?? "")
    if (Result.isFailure(found)) return Effect.fail(new InferenceError({ reason: found.failure }))
    return Effect.acquireRelease(
      server.infer(found.success, {
        id: request.id ?? "",
        inputs: request.inputs,
        outputs: request.outputs ?? noOutputs,
        parameters: request.parameters ?? noParameters,
        priority: request.priority ?? 0,
        timeoutMicros: request.timeoutMicros ?? 0,
        deadlineMicros: request.deadlineMicros ?? 0,
        sequence: request.sequence
      }),
      (response) => Effect.sync(response.release),
      { interruptible: true }
    )
  })
