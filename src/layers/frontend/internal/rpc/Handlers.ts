/** Answers the procedures of the door: each asks `InferenceServer` and gives the answer the form of the wire. */
import { Effect, Exit, Result, Scope, Stream } from "effect"
import { empty, type Headers } from "effect/http/Headers"
import {
  ExecutionFailed,
  InferenceError,
  type InferenceFailure,
  Overloaded,
  Stopping,
  Unsupported
} from "../../../../schema/Errors.ts"
import type { InferenceResponse } from "../../../../schema/Inference.ts"
import type { InferResponse } from "../../../../schema/rpc/Infer.ts"
import { InferenceRpcs } from "../../../../schema/rpc/InferenceRpcs.ts"
import type { ModelStatistics as ModelStatisticsWire } from "../../../../schema/rpc/Models.ts"
import * as TraceFailure from "../../../../schema/TraceFailure.ts"
import type { InferenceServer } from "../../../../services/InferenceServer.ts"
import type { LogSettingsState } from "../../../../services/LogSettings.ts"
import { isHealthy, isNotResident, type Model, whenResident } from "../../../../services/ModelRepository.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"
import type { Forward } from "../HeaderForwarding.ts"
import { Deadline } from "../infer/Deadline.ts"
import type { InFlight } from "../InFlight.ts"
import { untilDeadline } from "../Resident.ts"
import * as StatisticsLookup from "../StatisticsLookup.ts"
import type { TraceSettings } from "../TraceSettings.ts"
import type { Arrivals } from "../tracing/Arrivals.ts"
import * as RemoteParent from "../tracing/RemoteParent.ts"
import type { Traced } from "../tracing/Traced.ts"
import * as Visible from "../Visible.ts"
import * as Arriving from "./Arriving.ts"
import * as RequestReader from "./RequestReader.ts"
import type { AnyRequest } from "./RequestReader.ts"
import { CurrentPass } from "./Restricting.ts"
import { type WireRequest, type WireResponse, WireRpcs } from "./WireRpcs.ts"

/** @internal */
export interface Surroundings {
  readonly server: InferenceServer["Service"]
  /** Counts inference requests. */
  readonly inFlight: InFlight
  /** Counts the bytes of their tensors as well; not where the transport has counted them. */
  readonly countsBytes: boolean
  readonly forward: Forward | undefined
  /** Requests are part of what the span of the answering fiber stands for. */
  readonly inheritsSpan: boolean
  readonly arrivals: Arrivals
  readonly traceSettings: TraceSettings
  readonly logSettings: LogSettingsState
}

/** Answers to clients whose requests were read as their types say. @internal */
export const make = (surroundings: Surroundings) => {
  const inference = new Inference(surroundings, typed)
  return InferenceRpcs.of({
    ...questions(surroundings),
    ModelInfer: (request, { headers }) => inference.once(request, headers),
    ModelStreamInfer: (request, { headers }) => Stream.fromEffect(inference.run(request, headers))
  })
}

/** Answers to requests as they lie on the wire; `infer` is that of `ModelInfer` alone. @internal */
export const makeWire = (surroundings: Surroundings) => {
  const inference = new Inference(surroundings, onWire)
  return {
    infer: (request: WireRequest, origin: Arriving.Origin | undefined) => inference.once(request, empty, origin),
    handlers: WireRpcs.of({
      ...questions(surroundings),
      ModelInfer: (request, { headers }) => inference.once(request, headers),
      ModelStreamInfer: (request, { headers }) => Stream.fromEffect(inference.run(request, headers))
    })
  }
}

/** All but inference. */
const questions = ({ logSettings, server, traceSettings }: Surroundings) => {
  const { repository } = server
  const lookup = StatisticsLookup.make(repository)
  return InferenceRpcs.omit("ModelInfer", "ModelStreamInfer").of({
    ServerLive: () => server.live,
    ServerReady: () => server.ready,
    ServerMetadata: () => Effect.succeed(server.metadata),
    ModelReady: ({ model, version = "" }) =>
      Effect.suspend(() => Effect.fromResult(isHealthy(server.model(model, version)))),
    ModelMetadata: ({ model, version = "" }) => whenResident(() => server.modelMetadata(model, version)),
    ModelConfig: ({ model, version = "" }) =>
      Effect.map(whenResident(() => server.model(model, version)), ({ config }) => config),
    ModelStatistics: ({ model = "", version = "" }) =>
      model === ""
        ? Effect.map(
          Effect.all([lookup.all, CurrentPass]),
          ([versions, pass]) => Visible.ofVersions(pass, versions).map(statistics)
        )
        : Effect.fromResult(
          Result.map(lookup.ofModel(model, version), (versions) => versions.map(statistics))
        ),
    TraceSetting: ({ change = {}, model = "" }) =>
      Effect.suspend(() => Effect.fromResult(traceSettings.change(model, change))),
    LogSettings: ({ change }) =>
      change === undefined
        ? Effect.sync(logSettings.current)
        : Effect.suspend(() => Effect.fromResult(logSettings.change(change))),
    RepositoryIndex: ({ ready = false }) =>
      Effect.map(Effect.all([repository.index, CurrentPass]), ([all, pass]) => {
        const entries = Visible.of(pass, all)
        return ready ? entries.filter(({ state }) => state === "READY") : entries
      }),
    RepositoryModelLoad: ({ config, files, model, version }, { headers }) =>
      RemoteParent.under(
        repository.load(model, {
          ...(version === undefined ? {} : { version }),
          ...(config === undefined ? {} : { config }),
          ...(files === undefined ? {} : { files: new Map(Object.entries(files)) })
        }),
        headers["traceparent"]
      ),
    RepositoryModelUnload: ({ model, unloadDependents = false, version }, { headers }) =>
      RemoteParent.under(
        repository.unload(model, { unloadDependents, ...(version === undefined ? {} : { version }) }),
        headers["traceparent"]
      )
  })
}

/** `answerOf` gives an answer the form in which the requests are read. */
class Inference<A> {
  private readonly surroundings: Surroundings
  private readonly answerOf: (response: InferenceResponse) => A

  constructor(surroundings: Surroundings, answerOf: (response: InferenceResponse) => A) {
    this.surroundings = surroundings
    this.answerOf = answerOf
  }

  /** The only answer. */
  once(
    wire: AnyRequest,
    headers: Headers,
    origin?: Arriving.Origin
  ): Effect.Effect<A, InferenceError, Scope.Scope> {
    return this.noted("ModelInfer", wire, headers, origin, (traced) => this.unlessDecoupled(wire, headers, traced))
  }

  /** All answers, one so far. They are lent until the scope of the request closes, which is after they were sent. */
  run(wire: AnyRequest, headers: Headers): Effect.Effect<A, InferenceError, Scope.Scope> {
    return this.noted("ModelStreamInfer", wire, headers, undefined, (traced) => this.answer(wire, headers, traced))
  }

  /** Notes what happens to the request until its scope closes, where somebody wants to know. */
  private noted(
    procedure: Arriving.Procedure,
    wire: AnyRequest,
    headers: Headers,
    origin: Arriving.Origin | undefined,
    answer: (traced: Traced | undefined) => Effect.Effect<A, InferenceError, Scope.Scope>
  ): Effect.Effect<A, InferenceError, Scope.Scope> {
    const { arrivals, inheritsSpan } = this.surroundings
    const atNanos = arrivals.moment()
    if (atNanos === undefined) return answer(undefined)
    return Effect.withFiber((fiber) => {
      const parent = inheritsSpan ? Arriving.spanOf(fiber) : undefined
      const traced = arrivals.begin(
        Arriving.of(procedure, wire, origin ?? Arriving.originOf(headers, atNanos), parent)
      )
      if (traced === undefined) return answer(undefined)
      traced.client(fiber.getRef(CurrentPass)?.key)
      const ended = Effect.flatMap(
        Effect.scope,
        (scope) => Scope.addFinalizer(scope, Effect.sync(() => traced.ended()))
      )
      return Effect.andThen(
        ended,
        Effect.onExit(answer(traced), (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) traced.failed(TraceFailure.ofCause(exit.cause))
          }))
      )
    })
  }

  private unlessDecoupled(
    wire: AnyRequest,
    headers: Headers,
    traced: Traced | undefined
  ): Effect.Effect<A, InferenceError, Scope.Scope> {
    const found = this.surroundings.server.model(wire.model, wire.version ?? "")
    return Result.isSuccess(found) && found.success.config.model_transaction_policy?.decoupled === true
      ? refuse(new Unsupported({ message: "ModelInfer RPC doesn't support models with decoupled transaction policy" }))
      : this.answer(wire, headers, traced)
  }

  private answer(
    wire: AnyRequest,
    headers: Headers,
    traced: Traced | undefined
  ): Effect.Effect<A, InferenceError, Scope.Scope> {
    const { server } = this.surroundings
    const deadline = wire.deadlineMicros === undefined || wire.deadlineMicros === 0
      ? undefined
      : new Deadline(wire.deadlineMicros / 1000)
    if (server.stopping()) return refuse(new Stopping({ message: "Server exiting" }))
    const found = server.model(wire.model, wire.version ?? "")
    if (Result.isSuccess(found)) return this.infer(wire, headers, found.success, deadline, traced)
    if (!isNotResident(found.failure)) return refuse(found.failure)
    return untilDeadline(() => server.model(wire.model, wire.version ?? ""), deadline).pipe(
      Effect.mapError((reason) => new InferenceError({ reason })),
      Effect.flatMap((model) => this.infer(wire, headers, model, deadline, traced))
    )
  }

  private infer(
    wire: AnyRequest,
    headers: Headers,
    model: Model,
    deadline: Deadline | undefined,
    traced: Traced | undefined
  ): Effect.Effect<A, InferenceError, Scope.Scope> {
    const { countsBytes, forward, inFlight, server } = this.surroundings
    const read = RequestReader.read(wire, traced?.trace)
    if (Result.isFailure(read)) return refuse(read.failure)
    let request = read.success
    if (forward !== undefined) {
      const parameters = forward(Object.entries(headers).flat(), request.parameters)
      if (Result.isFailure(parameters)) return refuse(parameters.failure)
      request = { ...request, parameters: parameters.success }
    }
    if (deadline !== undefined) {
      const deadlineMicros = deadline.leftMicros()
      if (deadlineMicros === 0) return refuse(deadline.exceeded())
      request = { ...request, deadlineMicros }
    }
    const bytes = countsBytes ? tensorBytes(wire) : 0
    return Effect.flatMap(Effect.scope, (scope) => {
      const refusal = inFlight.enter(bytes)
      if (refusal !== undefined) return refuse(new Overloaded({ message: refusal }))
      let response: InferenceResponse | undefined = undefined
      const leave = Effect.sync(() => {
        response?.release()
        inFlight.leave(bytes)
      })
      return Effect.andThen(
        Scope.addFinalizer(scope, leave),
        Effect.matchEffect(server.infer(model, request), {
          onFailure: (error) => Effect.fail(withoutCause(error)),
          onSuccess: (answer) => {
            traced?.mark("INFER_RESPONSE_COMPLETE")
            response = answer
            return Effect.succeed(this.answerOf(answer))
          }
        })
      )
    })
  }
}

const refuse = (reason: InferenceFailure): Effect.Effect<never, InferenceError> =>
  Effect.fail(new InferenceError({ reason }))

/** The exception of the native runtime stays here; the message says what of it concerns a client. */
const withoutCause = (error: InferenceError): InferenceError => {
  const { reason } = error
  return reason._tag === "ExecutionFailed" && reason.cause !== undefined
    ? new InferenceError({ reason: new ExecutionFailed({ model: reason.model, message: reason.message }) })
    : error
}

const tensorBytes = ({ inputs }: AnyRequest): number => {
  let bytes = 0
  for (const { data } of inputs) bytes += data.byteLength
  return bytes
}

const typed = (response: InferenceResponse): InferResponse => {
  const { parameters } = response
  const answer = withoutParameters(response)
  return parameters.size === 0 ? answer : { ...answer, parameters: Object.fromEntries(parameters) }
}

const onWire = (response: InferenceResponse): WireResponse => {
  const { parameters } = response
  const answer = withoutParameters(response)
  if (parameters.size === 0) return answer
  const entries = Array.from(
    parameters,
    ([name, value]) => [name, typeof value === "bigint" ? { int64: value } : value]
  )
  return { ...answer, parameters: Object.fromEntries(entries) }
}

const withoutParameters = ({ id, modelName, modelVersion, outputs, timing }: InferenceResponse) => ({
  id,
  modelName,
  modelVersion,
  outputs,
  timing
})

const statistics = (version: ModelStatistics): ModelStatisticsWire => {
  const counts = version.counts()
  return {
    name: version.model,
    version: String(version.version),
    lastInferenceMillis: counts.lastInferenceMillis,
    inferenceCount: counts.inferenceCount,
    executionCount: counts.executionCount,
    success: counts.success,
    fail: counts.fail,
    queue: counts.queue,
    computeInput: counts.computeInput,
    computeInfer: counts.computeInfer,
    computeOutput: counts.computeOutput,
    cacheHit: counts.cacheHit,
    cacheMiss: counts.cacheMiss,
    batches: counts.batches
  }
}
