/**
 * The one door: every front end, and every embedding application, asks here.
 *
 * Upstream: front ends. Downstream: `ModelRepository`.
 */
import { Context, Effect, type Result, type Scope } from "effect"
import {
  DeadlineExceeded,
  InferenceError,
  type InvalidRequest,
  type ModelNotFound,
  type ModelNotReady
} from "../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Parameter, RequestedOutput } from "../schema/Inference.ts"
import type { ModelMetadata, ServerMetadata } from "../schema/Metadata.ts"
import { type Begun, over } from "./Begun.ts"
import { around } from "./LocalTrace.ts"
import { type Lookup, type Model, type ModelRepository, type NotResident, whenResident } from "./ModelRepository.ts"
import { Tracing } from "./Tracing.ts"

/**
 * Validates, schedules and runs one request.
 *
 * The tensors of the request are borrowed until the effect completes; those of the response are the caller's until
 * `release`, to be read and never written to: they may belong to the response cache, or to other callers as well. Interruption
 * withdraws the request where it still waits. A version that was replaced or has left since it was found is looked up once
 * more: no request fails for it.
 *
 * @category models
 */
export interface Infer {
  (model: Model, request: InferenceRequest): Effect.Effect<InferenceResponse, InferenceError>
  /**
   * The same for front ends that have no fiber for a request, and have begun to note it: `resume` gets the answer once, before this
   * returns or later, unless it is cancelled before. Mostly that is an `Exit`; otherwise it is what has yet to be run to have one. It
   * must not throw. Absent: there is the effect alone. It belongs to this function, so that whoever puts another one in its place does
   * not leave a way around that.
   */
  readonly begin?: BeginRequest | undefined
}

/** @category models */
export type BeginRequest = (
  model: Model,
  request: InferenceRequest,
  resume: (answer: Effect.Effect<InferenceResponse, InferenceError>) => void
) => Begun

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
  readonly model: (name: string, version: string) => Lookup
  /** Versions are those ready now, or the one asked for. */
  readonly modelMetadata: (
    name: string,
    version: string
  ) => Result.Result<ModelMetadata, ModelNotFound | ModelNotReady | InvalidRequest | NotResident>
  readonly infer: Infer
  /** Load, unload and index, as the repository gives them. */
  readonly repository: ModelRepository["Service"]
}>()("galatea/services/InferenceServer") {}

/** Begins one request, as the server does it: without a fiber, or by giving the effect of it. @category inference */
export const begin = (
  server: InferenceServer["Service"],
  model: Model,
  request: InferenceRequest,
  resume: (answer: Effect.Effect<InferenceResponse, InferenceError>) => void
): Begun => {
  const { begin } = server.infer
  if (begin !== undefined) return begin(model, request, resume)
  resume(server.infer(model, request))
  return over
}

/** A request by names: what is absent is as in the protocol. @category models */
export interface Request extends Partial<Omit<InferenceRequest, "inputs">> {
  readonly model: string
  /** Decimal, or a label; absent or `""`: the version that requests without one go to. */
  readonly version?: string
  readonly inputs: InferenceRequest["inputs"]
}

const noOutputs: ReadonlyArray<RequestedOutput> = []
const noParameters: ReadonlyMap<string, Parameter> = new Map()

/** The model of a request, once it is loaded: a deadline of the request bounds the waiting. */
const found = (server: InferenceServer["Service"], { deadlineMicros = 0, model, version = "" }: Request) =>
  withinDeadline(whenResident(() => server.model(model, version)), deadlineMicros).pipe(
    Effect.mapError((reason) => new InferenceError({ reason }))
  )

/** Fails with `DeadlineExceeded` where loading takes longer than a request waits; 0: no deadline. @category combinators */
export const withinDeadline = <A, E>(
  loading: Effect.Effect<A, E>,
  deadlineMicros: number
): Effect.Effect<A, E | DeadlineExceeded> =>
  deadlineMicros === 0 ? loading : Effect.timeoutOrElse(loading, {
    duration: deadlineMicros / 1000,
    orElse: () =>
      Effect.fail(
        new DeadlineExceeded({
          message:
            `the deadline of the request, ${deadlineMicros / 1000} ms after its arrival, passed while its model was ` +
            "being loaded"
        })
      )
  })

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
  Effect.flatMap(
    Effect.all([InferenceServer, Tracing]),
    ([server, tracing]) =>
      Effect.acquireRelease(
        around(tracing, request, (trace) =>
          Effect.flatMap(found(server, request), (model) =>
            server.infer(model, {
              id: request.id ?? "",
              inputs: request.inputs,
              outputs: request.outputs ?? noOutputs,
              parameters: request.parameters ?? noParameters,
              priority: request.priority ?? 0,
              timeoutMicros: request.timeoutMicros ?? 0,
              deadlineMicros: request.deadlineMicros ?? 0,
              sequence: request.sequence,
              trace
            }))),
        (response) => Effect.sync(response.release),
        { interruptible: true }
      )
  )
