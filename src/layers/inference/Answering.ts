/**
 * Answers a request by a model: checks it, submits it to the model's scheduler, and gives the outputs back in the client's shapes.
 * What a client sends and what an ensemble asks of its steps goes the same way.
 */
import { Effect, Result } from "effect"
import { type Stopping, Unsupported } from "../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, SequenceStep, Tensor } from "../../schema/Inference.ts"
import * as TraceFailure from "../../schema/TraceFailure.ts"
import { withinDeadline } from "../../services/InferenceServer.ts"
import { type Lookup, type Model, whenResident } from "../../services/ModelRepository.ts"
import { type Job, type JobFailure, type JobResult, submitTraced } from "../../services/Scheduler.ts"
import * as ClientTensor from "./internal/ClientTensor.ts"
import { validate } from "./internal/RequestValidation.ts"
import type * as ShadowRuns from "./internal/ShadowRuns.ts"

type Answer = Effect.Effect<InferenceResponse, JobFailure>

const noParameters: InferenceResponse["parameters"] = new Map()

/** How often a request may meet a version that has just stopped taking work. */
const maxAttempts = 16

/**
 * Answers one request, as `InferenceServer.infer` says. `shadows` runs some of what was answered once more.
 *
 * @category inference
 */
export const infer = (model: Model, request: InferenceRequest, shadows?: ShadowRuns.ShadowRuns): Answer =>
  divide(model, request, maxAttempts, shadows)

/** Answers one request by this version and no other. @category inference */
export const once = (model: Model, request: InferenceRequest): Answer => answer(model, request, 1, undefined)

/** A request that named no version may be divided among several; the next step of a sequence goes where the sequence lives. */
const divide = (
  model: Model,
  request: InferenceRequest,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined
): Answer => {
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
): Answer => {
  const trace = request.trace?.model({
    model: model.name,
    version: model.version,
    requestId: request.id,
    sequenceId: request.sequence?.id
  })
  const job = validate(model, request, trace)
  if (Result.isFailure(job)) {
    model.statistics.refused("invalid")
    trace?.ended(TraceFailure.of(job.failure))
    return Effect.fail(job.failure)
  }
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
): Answer =>
  Effect.matchEffect(submitTraced(model.scheduler, job), {
    onFailure: (reason) =>
      reason._tag === "Stopping" && model.again !== undefined && attempts > 1
        ? answerAgain(model, model.again, request, attempts - 1, shadows, reason)
        : Effect.fail(
          // What comes from a step of an ensemble says so already.
          reason._tag === "Unsupported" && model.config.ensemble_scheduling === undefined
            ? new Unsupported({ message: ClientTensor.requestPrefix(request) + reason.message })
            : reason
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
): Answer =>
  whenFound(again, request, (successor, rest) =>
    successor.scheduler === model.scheduler
      ? Effect.fail(stopping)
      : divide(successor, rest, attempts, shadows))

/** Looks up, waiting for what has to load first; the request's deadline bounds the waiting. */
const whenFound = (
  lookup: () => Lookup,
  request: InferenceRequest,
  use: (model: Model, rest: InferenceRequest) => Answer
): Answer =>
  Effect.suspend(() => {
    const begun = performance.now()
    return withinDeadline(whenResident(lookup), request.deadlineMicros).pipe(
      Effect.flatMap((model) => use(model, remaining(request, performance.now() - begun)))
    )
  })

/** The request after so many milliseconds of waiting: its deadline has come nearer. */
const remaining = (request: InferenceRequest, millis: number): InferenceRequest =>
  request.deadlineMicros === 0
    ? request
    : { ...request, deadlineMicros: Math.max(1, Math.floor(request.deadlineMicros - millis * 1000)) }

const respond = (
  model: Model,
  request: InferenceRequest,
  batchSize: number,
  result: JobResult,
  chosen: ShadowRuns.Chosen | undefined
): Answer => {
  const outputs: Array<Tensor> = []
  for (const tensor of result.outputs) {
    const output = ClientTensor.make(model, request, batchSize, tensor)
    if (Result.isFailure(output)) {
      result.release()
      return Effect.fail(output.failure)
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
