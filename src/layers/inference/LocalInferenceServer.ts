/**
 * The inference server of this process: validates requests, submits them to the scheduler of their model, and gives the
 * outputs back in the client's shapes.
 */
import { Effect, Layer, Result } from "effect"
import * as BatchAxis from "../../schema/BatchAxis.ts"
import {
  type Cancelled,
  ExecutionFailed,
  InferenceError,
  type InferenceFailure,
  Unsupported
} from "../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Tensor } from "../../schema/Inference.ts"
import type { ModelMetadata } from "../../schema/Metadata.ts"
import type { SignatureTensor } from "../../schema/ModelSignature.ts"
import { carry, matches, show } from "../../schema/Shape.ts"
import { Departure } from "../../services/Departure.ts"
import { InferenceServer } from "../../services/InferenceServer.ts"
import { type Model, ModelRepository } from "../../services/ModelRepository.ts"
import type { JobResult } from "../../services/Scheduler.ts"
import * as Classification from "./internal/Classification.ts"
import { firstRows } from "./internal/FirstRows.ts"
import { validate } from "./internal/RequestValidation.ts"

export interface Options {
  /** `name` of the server's metadata. */
  readonly name: string
  /** `version` of the server's metadata. */
  readonly version: string
  /** Ready only while every model is, see `ModelRepository.allReady`. */
  readonly strictReadiness: boolean
}

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
    infer: (model, request) => {
      const job = validate(model, request)
      if (Result.isFailure(job)) return Effect.fail(new InferenceError({ reason: job.failure }))
      return Effect.matchEffect(model.scheduler.submit(job.success), {
        onFailure: (reason) =>
          Effect.fail(
            new InferenceError({
              reason: reason._tag === "Unsupported"
                ? new Unsupported({ message: prefix(request) + reason.message })
                : reason
            })
          ),
        onSuccess: (result) => respond(model, request, job.success.batchSize, result)
      })
    },
    repository
  })
})

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
  result: JobResult
): Effect.Effect<InferenceResponse, InferenceError> => {
  const outputs: Array<Tensor> = []
  for (const tensor of result.outputs) {
    const output = clientTensor(model, request, batchSize, tensor)
    if (Result.isFailure(output)) {
      result.release()
      return Effect.fail(new InferenceError({ reason: output.failure }))
    }
    outputs.push(output.success)
  }
  return Effect.succeed({
    id: request.id,
    modelName: model.name,
    modelVersion: String(model.version),
    parameters: noParameters,
    outputs,
    timing: result,
    release: result.release
  })
}

const prefix = ({ id }: InferenceRequest): string => `[request id: ${id === "" ? "<id_unknown>" : id}] `

type Failure = Exclude<InferenceFailure, Cancelled>

/** An output of the run as the client asked for it: its rows only, in the shape of the config, or classified. */
const clientTensor = (
  model: Model,
  request: InferenceRequest,
  batchSize: number,
  produced: Tensor
): Result.Result<Tensor, Failure> => {
  const spec = model.signature.outputByName.get(produced.name)!
  let tensor = produced
  const { batchAxis } = spec
  if (batchAxis !== BatchAxis.none) {
    const rows = tensor.shape[batchAxis] ?? 0
    if (rows < batchSize) {
      return Result.fail(
        new Unsupported({
          message: `${prefix(request)}failed to split the output tensor '${tensor.name}' in responses: expected ` +
            `batch size of at least ${batchSize} in model output, got ${rows}`
        })
      )
    }
    if (rows > batchSize) tensor = firstRows(tensor, batchAxis, batchSize)
  }
  if (spec.reshaped) {
    if (!matches(tensor.shape, spec.modelShape)) {
      return Result.fail(
        new ExecutionFailed({
          model: model.name,
          message:
            `model '${model.name}', tensor '${tensor.name}': the model produced the shape ${
              show(tensor.shape)
            } where ` +
            `the 'reshape' of its configuration says ${show(spec.modelShape)}`
        })
      )
    }
    tensor = { ...tensor, shape: carry(spec.modelShape, tensor.shape, spec.shape) }
  }
  const requested = request.outputs.find((output) => output.name === tensor.name)
  return requested === undefined || requested.classification === 0
    ? Result.succeed(tensor)
    : Classification.classify(tensor, {
      k: requested.classification,
      batched: batchAxis !== BatchAxis.none,
      labels: spec.labels
    })
}

/** The server over the repository in the context. @category layers */
export const layer = (options: Options): Layer.Layer<InferenceServer, never, ModelRepository> =>
  Layer.effect(InferenceServer, make(options))
