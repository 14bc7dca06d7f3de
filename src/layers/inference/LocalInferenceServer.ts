/**
 * The inference server of this process: validates requests, submits them to the scheduler of their model, and gives the
 * outputs back in the client's shapes.
 */
import { Effect, Layer, Result } from "effect"
import { InferenceError, type Stopping, Unsupported } from "../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, SequenceStep, Tensor } from "../../schema/Inference.ts"
import type { ModelMetadata } from "../../schema/Metadata.ts"
import type { SignatureTensor } from "../../schema/ModelSignature.ts"
import { Departure } from "../../services/Departure.ts"
import { InferenceServer, withinDeadline } from "../../services/InferenceServer.ts"
import { type Lookup, type Model, ModelRepository, whenResident } from "../../services/ModelRepository.ts"
import type { Job, JobResult } from "../../services/Scheduler.ts"
import * as ClientTensor from "./internal/ClientTensor.ts"
import { validate } from "./internal/RequestValidation.ts"
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
  "binary_tensor_data",
  "parameters",
  "statistics"
]

const noParameters: InferenceResponse["parameters"] = new Map()

const make = Effect.fnUntraced(function*(options: Options) {
  const repository = yield* ModelRepository
  const departure = yield* Departure
  const shadows = yield* ShadowRuns.make(
    options.shadow ?? defaultShadow,
    (model, request) => answer(model, request, 1, undefined)
  )
  let stopping = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      stopping = true
    })
  )

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
    infer: (model, request) => infer(model, request, maxAttempts, shadows),
    repository
  })
})

/** How often a request may meet a version that has just stopped taking work. */
const maxAttempts = 16

/** A request that named no version may be divided among several; the next step of a sequence goes where the sequence lives. */
const infer = (
  model: Model,
  request: InferenceRequest,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined
): Effect.Effect<InferenceResponse, InferenceError> => {
  const { sequence } = request
  if (model.route === undefined) {
    const keeper = sequence === undefined || sequence.start ? undefined : keeperOf(model, model, sequence.id)
    return answer(keeper ?? model, request, attempts, shadows)
  }
  const lookup = model.route(request)
  const target = lookup()
  if (sequence !== undefined && !sequence.start) {
    const keeper = keeperOf(model, Result.isSuccess(target) ? target.success : undefined, sequence.id)
    if (keeper !== undefined) return answer(keeper, request, attempts, shadows)
  }
  return Result.isSuccess(target)
    ? answer(target.success, request, attempts, shadows)
    : whenFound(lookup, request, (found, rest) => answer(found, rest, attempts, shadows))
}

/** The version other than `target` that keeps a sequence. One that has begun again lives in the target. */
const keeperOf = (found: Model, target: Model | undefined, id: SequenceStep["id"]): Model | undefined =>
  found.keeper === undefined || target?.scheduler.holds?.(id) === true ? undefined : found.keeper(id)

const answer = (
  model: Model,
  request: InferenceRequest,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined
): Effect.Effect<InferenceResponse, InferenceError> => {
  const job = validate(model, request)
  if (Result.isFailure(job)) return Effect.fail(new InferenceError({ reason: job.failure }))
  const { shadow } = model
  return shadow === undefined || shadows === undefined
    ? submit(model, request, job.success, attempts, shadows, undefined)
    : Effect.suspend(() => {
      const chosen = shadows.choose(shadow, model, request)
      const submitted = submit(model, request, job.success, attempts, shadows, chosen)
      return chosen === undefined ? submitted : Effect.ensuring(submitted, Effect.sync(chosen.over))
    })
}

const submit = (
  model: Model,
  request: InferenceRequest,
  job: Job,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined,
  chosen: ShadowRuns.Chosen | undefined
): Effect.Effect<InferenceResponse, InferenceError> =>
  Effect.matchEffect(model.scheduler.submit(job), {
    onFailure: (reason) =>
      reason._tag === "Stopping" && model.again !== undefined && attempts > 1
        ? answerAgain(model, model.again, request, attempts - 1, shadows, reason)
        : Effect.fail(
          new InferenceError({
            reason: reason._tag === "Unsupported"
              ? new Unsupported({ message: ClientTensor.requestPrefix(request) + reason.message })
              : reason
          })
        ),
    onSuccess: (result) => respond(model, request, job.batchSize, result, chosen)
  })

/** The version has stopped taking work, without having begun any of this request: whoever took its place answers. */
const answerAgain = (
  model: Model,
  again: () => Lookup,
  request: InferenceRequest,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined,
  stopping: Stopping
): Effect.Effect<InferenceResponse, InferenceError> =>
  whenFound(again, request, (successor, rest) =>
    successor.scheduler === model.scheduler
      ? Effect.fail(new InferenceError({ reason: stopping }))
      : infer(successor, rest, attempts, shadows))

/** Looks up, waiting for what has to load first; the request's deadline bounds the waiting. */
const whenFound = (
  lookup: () => Lookup,
  request: InferenceRequest,
  use: (model: Model, rest: InferenceRequest) => Effect.Effect<InferenceResponse, InferenceError>
): Effect.Effect<InferenceResponse, InferenceError> =>
  Effect.suspend(() => {
    const begun = performance.now()
    return withinDeadline(whenResident(lookup), request.deadlineMicros).pipe(
      Effect.mapError((reason) => new InferenceError({ reason })),
      Effect.flatMap((model) => use(model, remaining(request, performance.now() - begun)))
    )
  })

/** The request after so many milliseconds of waiting: its deadline has come nearer. */
const remaining = (request: InferenceRequest, millis: number): InferenceRequest =>
  request.deadlineMicros === 0
    ? request
    : { ...request, deadlineMicros: Math.max(1, Math.floor(request.deadlineMicros - millis * 1000)) }

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

const respond = (
  model: Model,
  request: InferenceRequest,
  batchSize: number,
  result: JobResult,
  chosen: ShadowRuns.Chosen | undefined
): Effect.Effect<InferenceResponse, InferenceError> => {
  const outputs: Array<Tensor> = []
  for (const tensor of result.outputs) {
    const output = ClientTensor.make(model, request, batchSize, tensor)
    if (Result.isFailure(output)) {
      result.release()
      return Effect.fail(new InferenceError({ reason: output.failure }))
    }
    outputs.push(output.success)
  }
  if (chosen !== undefined) chosen.answered(unclassified(model, request, batchSize, result))
  return Effect.succeed({
    id: request.id,
    modelName: model.name,
    modelVersion: String(model.version),
    parameters: result.parameters ?? noParameters,
    outputs,
    timing: result,
    release: result.release
  })
}

/** The outputs of a run that was answered, as tensors whatever the client asked for. */
const unclassified = (model: Model, request: InferenceRequest, batchSize: number, { outputs }: JobResult) => {
  const plain = { ...request, outputs: [] }
  return outputs.map((output) => Result.getOrThrow(ClientTensor.make(model, plain, batchSize, output)))
}

/** The server over the repository in the context. @category layers */
export const layer = (options: Options): Layer.Layer<InferenceServer, never, ModelRepository> =>
  Layer.effect(InferenceServer, make(options))
