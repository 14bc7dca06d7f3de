/**
 * Answers a request by a model: checks it, submits it to the model's scheduler, and gives the outputs back in the client's shapes.
 * What a client sends and what an ensemble asks of its steps goes the same way.
 */
import { Cause, Effect, Exit, Option, Result } from "effect"
import { type Stopping, Unsupported } from "../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, SequenceStep, Tensor } from "../../schema/Inference.ts"
import * as TraceFailure from "../../schema/TraceFailure.ts"
import { type Begun, fromBegun, over } from "../../services/Begun.ts"
import { withinDeadline } from "../../services/InferenceServer.ts"
import { type Lookup, type Model, whenResident } from "../../services/ModelRepository.ts"
import { type BeginJob, type Job, type JobFailure, type JobResult, submitTraced } from "../../services/Scheduler.ts"
import * as ClientTensor from "./internal/ClientTensor.ts"
import { requestPrefix } from "./internal/RequestPrefix.ts"
import { validate } from "./internal/RequestValidation.ts"
import type * as ShadowRuns from "./internal/ShadowRuns.ts"

type Answer = Effect.Effect<InferenceResponse, JobFailure>

/** Takes the answer of a request, or what has yet to be run to have it: an `Exit` is both. */
type Resume = (answer: Answer) => void

const noParameters: InferenceResponse["parameters"] = new Map()

/** How often a request may meet a version that has just stopped taking work. */
const maxAttempts = 16

/**
 * Answers one request, as `InferenceServer.begin` says. `shadows` runs some of what was answered once more.
 *
 * @category inference
 */
export const begin = (
  model: Model,
  request: InferenceRequest,
  shadows: ShadowRuns.ShadowRuns | undefined,
  resume: Resume
): Begun => divide(model, request, maxAttempts, shadows, resume)

/** Answers one request, as `InferenceServer.infer` says. @category inference */
export const infer = (model: Model, request: InferenceRequest, shadows?: ShadowRuns.ShadowRuns): Answer =>
  fromBegun((resume) => begin(model, request, shadows, resume))

/** Answers one request by this version and no other. @category inference */
export const once = (model: Model, request: InferenceRequest): Answer =>
  fromBegun((resume) => answer(model, request, 1, undefined, resume))

/** A request that named no version may be divided among several; the next step of a sequence goes where the sequence lives. */
const divide = (
  model: Model,
  request: InferenceRequest,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined,
  resume: Resume
): Begun => {
  const { sequence } = request
  if (model.route === undefined) {
    const keeper = sequence === undefined || sequence.start ? undefined : keeperOf(model, model, sequence.id)
    return answer(keeper ?? model, request, attempts, shadows, resume)
  }
  const lookup = model.route(request)
  const target = lookup()
  if (sequence !== undefined && !sequence.start) {
    const keeper = keeperOf(model, Result.isSuccess(target) ? target.success : undefined, sequence.id)
    if (keeper !== undefined) return answer(keeper, request, attempts, shadows, resume)
  }
  if (Result.isSuccess(target)) return answer(target.success, request, attempts, shadows, resume)
  resume(
    whenFound(lookup, request, (found, rest) => fromBegun((resume) => answer(found, rest, attempts, shadows, resume)))
  )
  return over
}

/** The version other than `target` that keeps a sequence. One that has begun again lives in the target. */
const keeperOf = (found: Model, target: Model | undefined, id: SequenceStep["id"]): Model | undefined =>
  found.keeper === undefined || target?.scheduler.holds?.(id) === true ? undefined : found.keeper(id)

const answer = (
  model: Model,
  request: InferenceRequest,
  attempts: number,
  shadows: ShadowRuns.ShadowRuns | undefined,
  resume: Resume
): Begun => {
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
    resume(Exit.fail(job.failure))
    return over
  }
  const { scheduler: { submit }, shadow } = model
  const chosen = shadow === undefined || shadows === undefined ? undefined : shadows.choose(shadow, model, request)
  const running = new Running(model, request, job.success, attempts, shadows, chosen, resume)
  if (submit.begin !== undefined) return running.begin(submit.begin)
  resume(running.run())
  return over
}

/** A request in the hands of the scheduler of its model. */
class Running implements Begun {
  private readonly model: Model
  private readonly request: InferenceRequest
  private readonly job: Job
  private readonly attempts: number
  private readonly shadows: ShadowRuns.ShadowRuns | undefined
  private readonly chosen: ShadowRuns.Chosen | undefined
  private readonly resume: Resume
  private submitted: Begun | undefined = undefined
  private answered = false

  constructor(
    model: Model,
    request: InferenceRequest,
    job: Job,
    attempts: number,
    shadows: ShadowRuns.ShadowRuns | undefined,
    chosen: ShadowRuns.Chosen | undefined,
    resume: Resume
  ) {
    this.model = model
    this.request = request
    this.job = job
    this.attempts = attempts
    this.shadows = shadows
    this.chosen = chosen
    this.resume = resume
  }

  /** Without a fiber. */
  begin(submit: BeginJob): Begun {
    const submitted = submit(this.job, (exit) => this.ended(exit))
    if (this.answered) return over
    this.submitted = submitted
    return this
  }

  /** As an effect, for schedulers that need one. */
  run(): Answer {
    const answer = Effect.matchEffect(submitTraced(this.model.scheduler, this.job), {
      onFailure: (reason) => this.failed(reason),
      onSuccess: (result) => this.succeeded(result)
    })
    return this.watched(answer)
  }

  cancel(ended: () => void): void {
    if (this.answered || this.submitted === undefined) return ended()
    this.answered = true
    this.submitted.cancel(() => {
      this.job.trace?.ended(TraceFailure.cancelled)
      this.chosen?.over()
      ended()
    })
  }

  private ended(exit: Exit.Exit<JobResult, JobFailure>): void {
    this.answered = true
    this.job.trace?.ended(Exit.isSuccess(exit) ? undefined : TraceFailure.ofCause(exit.cause))
    this.resume(this.conclude(exit))
  }

  private conclude(exit: Exit.Exit<JobResult, JobFailure>): Answer {
    let answer: Answer
    try {
      answer = Exit.isSuccess(exit) ? this.succeeded(exit.value) : this.unsuccessful(exit)
    } catch (bug) {
      answer = Exit.die(bug)
    }
    if (!Exit.isExit(answer)) return this.watched(answer)
    this.chosen?.over()
    return answer
  }

  private unsuccessful(exit: Exit.Failure<JobResult, JobFailure>): Answer {
    const failure = Cause.findErrorOption(exit.cause)
    return Option.isSome(failure) ? this.failed(failure.value) : Exit.failCause(exit.cause as Cause.Cause<never>)
  }

  /** What a shadow holds of the request is given back when it is over. */
  private watched(answer: Answer): Answer {
    const { chosen } = this
    return chosen === undefined ? answer : Effect.ensuring(answer, Effect.sync(chosen.over))
  }

  private failed(reason: JobFailure): Answer {
    const { attempts, model, request, shadows } = this
    if (reason._tag === "Stopping" && model.again !== undefined && attempts > 1) {
      return answerAgain(model, model.again, request, attempts - 1, shadows, reason)
    }
    return Exit.fail(
      // What comes from a step of an ensemble says so already.
      reason._tag === "Unsupported" && model.config.ensemble_scheduling === undefined
        ? new Unsupported({ message: requestPrefix(request) + reason.message })
        : reason
    )
  }

  private succeeded(result: JobResult): Answer {
    return respond(this.model, this.request, this.job.batchSize, result, this.chosen)
  }
}

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
      : fromBegun((resume) => divide(successor, rest, attempts, shadows, resume)))

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
): Exit.Exit<InferenceResponse, JobFailure> => {
  let { outputs } = result
  if (!ClientTensor.passesUnchanged(model, request, batchSize, outputs)) {
    const made: Array<Tensor> = []
    for (const tensor of outputs) {
      const output = ClientTensor.make(model, request, batchSize, tensor)
      if (Result.isFailure(output)) {
        result.release()
        return Exit.fail(output.failure)
      }
      made.push(output.success)
    }
    outputs = made
  }
  if (chosen !== undefined) chosen.answered(unclassified(model, request, batchSize, result))
  return Exit.succeed({
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
