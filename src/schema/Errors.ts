/**
 * Every error that a caller can meet. An error class is the only place that knows its code; the HTTP status and the gRPC
 * status follow from the code by the table `codes`.
 *
 * Messages name the thing, the limit and the value received, never the contents of a tensor.
 */
import { Schema } from "effect"
import { type Code, codes } from "./Codes.ts"

export { type Code, codes }

const message = { message: Schema.String }

/** The request breaks a rule of the protocol or of the model. @category errors */
export class InvalidRequest
  extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", message, { httpApiStatus: 400 })
{
  readonly code = "INVALID_ARG" satisfies Code
}

/** The request could not be read: JSON syntax or a JSON value of the wrong kind (500, as in Triton). @category errors */
export class MalformedRequest
  extends Schema.TaggedError<MalformedRequest>()("MalformedRequest", message, { httpApiStatus: 500 })
{
  readonly code = "INTERNAL" satisfies Code
}

/** Something asked for does not exist here. @category errors */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", message, { httpApiStatus: 501 }) {
  readonly code = "UNSUPPORTED" satisfies Code
}

/** No such model or version, or none that is ready. @category errors */
export class ModelNotFound
  extends Schema.TaggedError<ModelNotFound>()("ModelNotFound", message, { httpApiStatus: 404 })
{
  readonly code = "NOT_FOUND" satisfies Code
}

/** A tensor names a shared-memory region that is not registered. @category errors */
export class RegionNotFound
  extends Schema.TaggedError<RegionNotFound>()("RegionNotFound", message, { httpApiStatus: 404 })
{
  readonly code = "NOT_FOUND" satisfies Code
}

/** A shared-memory region of this name is registered already. @category errors */
export class RegionTaken extends Schema.TaggedError<RegionTaken>()("RegionTaken", message, { httpApiStatus: 400 }) {
  readonly code = "ALREADY_EXISTS" satisfies Code
}

/** The shared memory that a client wants to register cannot be opened (500, as in Triton). @category errors */
export class RegionNotOpened
  extends Schema.TaggedError<RegionNotOpened>()("RegionNotOpened", message, { httpApiStatus: 500 })
{
  readonly code = "INTERNAL" satisfies Code
}

/** The version exists and is not ready. @category errors */
export class ModelNotReady
  extends Schema.TaggedError<ModelNotReady>()("ModelNotReady", message, { httpApiStatus: 503 })
{
  readonly code = "UNAVAILABLE" satisfies Code
}

/** A bound on waiting work was reached: retry later. @category errors */
export class QueueFull extends Schema.TaggedError<QueueFull>()("QueueFull", {
  ...message,
  model: Schema.String,
  capacity: Schema.Int
}, { httpApiStatus: 503 }) {
  readonly code = "UNAVAILABLE" satisfies Code
}

/** The request waited longer than the queue policy of its model allows: retry later. @category errors */
export class RequestTimedOut
  extends Schema.TaggedError<RequestTimedOut>()("RequestTimedOut", message, { httpApiStatus: 503 })
{
  readonly code = "UNAVAILABLE" satisfies Code
}

/** The deadline that the client set passed before the request ran. @category errors */
export class DeadlineExceeded
  extends Schema.TaggedError<DeadlineExceeded>()("DeadlineExceeded", message, { httpApiStatus: 504 })
{
  readonly code = "DEADLINE_EXCEEDED" satisfies Code
}

/** A bound of the server on requests or bytes in flight was reached: retry later. @category errors */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", message, { httpApiStatus: 503 }) {
  readonly code = "UNAVAILABLE" satisfies Code
}

/** The server, or this model, takes no new work because it is stopping. @category errors */
export class Stopping extends Schema.TaggedError<Stopping>()("Stopping", message, { httpApiStatus: 503 }) {
  readonly code = "UNAVAILABLE" satisfies Code
}

/** The caller went away before its request ran. @category errors */
export class Cancelled extends Schema.TaggedError<Cancelled>()("Cancelled", message, { httpApiStatus: 400 }) {
  readonly code = "CANCELLED" satisfies Code
}

/** The native runtime refused or failed a run. @category errors */
export class ExecutionFailed extends Schema.TaggedError<ExecutionFailed>()("ExecutionFailed", {
  ...message,
  model: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}, { httpApiStatus: 500 }) {
  readonly code = "INTERNAL" satisfies Code
}

/** The execution instance died, or stopped answering; `begun`: while the request ran in it. @category errors */
export class InstanceLost extends Schema.TaggedError<InstanceLost>()("InstanceLost", {
  ...message,
  model: Schema.String,
  instance: Schema.String,
  begun: Schema.Boolean
}, { httpApiStatus: 503 }) {
  readonly code = "UNAVAILABLE" satisfies Code
}

/**
 * Too many instances of the model were lost, and no more is started until a pause is over; `retryAfterMillis` are left of it.
 *
 * @category errors
 */
export class ModelSuspended extends Schema.TaggedError<ModelSuspended>()("ModelSuspended", {
  ...message,
  model: Schema.String,
  retryAfterMillis: Schema.Int
}, { httpApiStatus: 503 }) {
  readonly code = "UNAVAILABLE" satisfies Code
}

/**
 * What a sequence had come to is gone, and no step of it is answered any more as if nothing had happened: begin it again.
 *
 * @category errors
 */
export class SequenceLost extends Schema.TaggedError<SequenceLost>()("SequenceLost", {
  ...message,
  model: Schema.String,
  /** The correlation id; a number as decimal text. */
  sequence: Schema.String
}, { httpApiStatus: 409 }) {
  readonly code = "ABORTED" satisfies Code
}

/** A model or one of its versions could not be loaded. `code` prints as the prefix of the reason in the index. @category errors */
export class LoadFailed extends Schema.TaggedError<LoadFailed>()("LoadFailed", {
  ...message,
  model: Schema.String,
  code: Schema.Literals(Object.keys(codes) as ReadonlyArray<Code>)
}) {}

/** A repository could not be listed, or a model's directory or config could not be used. @category errors */
export class PollFailed extends Schema.TaggedError<PollFailed>()("PollFailed", {
  ...message,
  code: Schema.Literals(Object.keys(codes) as ReadonlyArray<Code>)
}) {}

/**
 * Models could not be loaded at start-up, and the server was told not to start then. One row for each failure, in order of
 * name and version; `version` is absent where no version was reached.
 *
 * @category errors
 */
export class ModelsNotLoaded extends Schema.TaggedError<ModelsNotLoaded>()("ModelsNotLoaded", {
  failures: Schema.Array(Schema.Struct({
    model: Schema.String,
    version: Schema.optionalKey(Schema.Int),
    reason: Schema.String
  }))
}) {
  readonly code = "INTERNAL" satisfies Code
  override get message(): string {
    return "failed to load all models"
  }
}

/** A service could not start to listen. `message` says which one, where, and why. @category errors */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  ...message,
  code: Schema.Literals(Object.keys(codes) as ReadonlyArray<Code>)
}) {}

/** Clients were to be let register shared memory, which this machine does not have. @category errors */
export class SharedMemoryMissing extends Schema.TaggedError<SharedMemoryMissing>()("SharedMemoryMissing", message) {
  readonly code = "UNSUPPORTED" satisfies Code
}

/** Load and unload are not allowed in this model control mode. @category errors */
export class ControlNotAllowed
  extends Schema.TaggedError<ControlNotAllowed>()("ControlNotAllowed", message, { httpApiStatus: 503 })
{
  readonly code = "UNAVAILABLE" satisfies Code
}

/** The procedure is answered only to requests with a header that this one lacks. @category errors */
export class Restricted extends Schema.TaggedError<Restricted>()("Restricted", message, { httpApiStatus: 403 }) {
  readonly code = "UNAVAILABLE" satisfies Code
}

/** The request has no API key, or one that this server does not know or know any more. @category errors */
export class Unauthenticated
  extends Schema.TaggedError<Unauthenticated>()("Unauthenticated", message, { httpApiStatus: 401 })
{
  readonly code = "UNAUTHENTICATED" satisfies Code
}

/** The API key may not do this, or not to this model. @category errors */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", message, { httpApiStatus: 403 }) {
  readonly code = "PERMISSION_DENIED" satisfies Code
}

/** The client has sent more requests than it may: retry after `retryAfterMillis` milliseconds. @category errors */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...message,
  retryAfterMillis: Schema.Finite
}, { httpApiStatus: 429 }) {
  readonly code = "RESOURCE_EXHAUSTED" satisfies Code
}

/** The files or the store by which access is decided cannot be used. @category errors */
export class AccessFailed extends Schema.TaggedError<AccessFailed>()("AccessFailed", {
  ...message,
  code: Schema.Literals(Object.keys(codes) as ReadonlyArray<Code>)
}) {}

/** Why an inference failed. @category errors */
export const InferenceFailure = Schema.Union([
  InvalidRequest,
  MalformedRequest,
  Unsupported,
  ModelNotFound,
  ModelNotReady,
  QueueFull,
  RequestTimedOut,
  DeadlineExceeded,
  Overloaded,
  Stopping,
  Cancelled,
  ExecutionFailed,
  InstanceLost,
  ModelSuspended,
  SequenceLost
])
/** @category errors */
export type InferenceFailure = typeof InferenceFailure.Type

/** The one error of the public door; `reason` tells the cases apart. @category errors */
export class InferenceError extends Schema.TaggedError<InferenceError>()("InferenceError", {
  reason: InferenceFailure
}) {
  override get message(): string {
    return this.reason.message
  }
  /** `true` when the same request may succeed later, unchanged. */
  get isRetryable(): boolean {
    return this.reason.code === "UNAVAILABLE"
  }
}
