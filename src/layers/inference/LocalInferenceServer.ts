/**
 * The inference server of this process: validates requests, submits them to the scheduler of their model, and gives the
 * outputs back in the client's shapes.
 */
import { Cause, Effect, Exit, Layer, Result } from "effect"
import { InferenceError } from "../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse } from "../../schema/Inference.ts"
import type { ModelMetadata } from "../../schema/Metadata.ts"
import type { SignatureTensor } from "../../schema/ModelSignature.ts"
import { exitOf } from "../../services/Begun.ts"
import { Departure } from "../../services/Departure.ts"
import { type BeginRequest, InferenceServer } from "../../services/InferenceServer.ts"
import * as LocalTrace from "../../services/LocalTrace.ts"
import { type Model, ModelRepository } from "../../services/ModelRepository.ts"
import type { JobFailure } from "../../services/Scheduler.ts"
import { Tracing } from "../../services/Tracing.ts"
import * as Answering from "./Answering.ts"
import * as ShadowRuns from "./internal/ShadowRuns.ts"

export interface Options {
  /** `name` of the server's metadata. */
  readonly name: string
  /** `version` of the server's metadata. */
  readonly version: string
  /** Ready only while every model is, see `ModelRepository.allReady`. */
  readonly strictReadiness: boolean
  /** Bounds of what runs in the shadow of answered requests. Default: 64 requests, 64 MiB. */
  readonly shadow?: ShadowRuns.Options
}

const defaultShadow: ShadowRuns.Options = { maxInflightRequests: 64, maxInflightBytes: 64 * 1024 ** 2 }

/** The extensions of KServe V2 that this server has, by their names in Triton's server metadata. @category models */
export const extensions: ReadonlyArray<string> = [
  "classification",
  "model_repository",
  "model_configuration",
  "system_shared_memory",
  "cuda_shared_memory",
  "binary_tensor_data",
  "parameters",
  "statistics",
  "trace",
  "logging"
]

const make = Effect.fnUntraced(function*(options: Options) {
  const repository = yield* ModelRepository
  const departure = yield* Departure
  const tracing = yield* Tracing
  const shadows = yield* ShadowRuns.make(
    options.shadow ?? defaultShadow,
    (model, request) => wrapped(Answering.once(model, request))
  )
  let stopping = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      stopping = true
    })
  )

  const infer = (model: Model, request: InferenceRequest) =>
    "trace" in request
      ? wrapped(Answering.infer(model, request, shadows))
      : LocalTrace.around(
        tracing,
        { model: model.name, version: String(model.version) },
        (trace) => wrapped(Answering.infer(model, trace === undefined ? request : { ...request, trace }, shadows))
      )

  const begin: BeginRequest = (model, request, resume) =>
    Answering.begin(model, request, shadows, (answer) => {
      const exit = exitOf(answer)
      resume(exit === undefined ? wrapped(answer) : told(exit))
    })

  return InferenceServer.of({
    metadata: { name: options.name, version: options.version, extensions },
    live: Effect.sync(() => repository.failure === undefined),
    ready: Effect.suspend(() =>
      stopping || departure.begun() || repository.failure !== undefined
        ? Effect.succeed(false)
        : options.strictReadiness
        ? repository.allReady
        : Effect.succeed(true)
    ),
    stopping: () => stopping,
    model: repository.lookup,
    modelMetadata: (name, version) =>
      Result.map(
        repository.lookup(name, version),
        (model) => metadata(model, version === "" ? repository.readyVersions(name) : [model.version])
      ),
    infer: Object.assign(infer, { begin }),
    repository
  })
})

/** The exit of the door. */
const told = (exit: Exit.Exit<InferenceResponse, JobFailure>): Exit.Exit<InferenceResponse, InferenceError> =>
  Exit.isSuccess(exit)
    ? exit as Exit.Exit<InferenceResponse, never>
    : Exit.failCause(Cause.map(exit.cause, (reason) => new InferenceError({ reason })))

const wrapped = (
  answer: Effect.Effect<InferenceResponse, JobFailure>
): Effect.Effect<InferenceResponse, InferenceError> =>
  Effect.mapError(answer, (reason) => new InferenceError({ reason }))

const metadata = (model: Model, versions: ReadonlyArray<number>): ModelMetadata => {
  const tensor = (io: SignatureTensor) => ({ name: io.name, datatype: io.datatype, shape: io.shape })
  return {
    name: model.name,
    versions: versions.map(String),
    platform: model.config.platform === "" ? model.config.backend : model.config.platform,
    inputs: model.signature.inputs.map(tensor),
    outputs: model.signature.outputs.map(tensor)
  }
}

/** The server over the repository in the context. @category layers */
export const layer = (options: Options): Layer.Layer<InferenceServer, never, ModelRepository> =>
  Layer.effect(InferenceServer, make(options))
