/** Why an ensemble failed, in the words and with the code of the step that did. Source: scheduling §5.3. */
import {
  Cancelled,
  DeadlineExceeded,
  ExecutionFailed,
  InstanceLost,
  InvalidRequest,
  ModelNotFound,
  ModelNotReady,
  ModelSuspended,
  QueueFull,
  RequestTimedOut,
  SequenceLost,
  Unsupported
} from "../../../schema/Errors.ts"
import type { JobFailure } from "../../../services/Scheduler.ts"
import { type PlannedStep, showStep } from "../EnsemblePlan.ts"

/** The failure of a step as that of its ensemble: it says where it happened, once, and keeps its kind. @category constructors */
export const inEnsemble = (ensemble: string, step: PlannedStep, reason: JobFailure): JobFailure => {
  const message = `in ensemble '${ensemble}', ${reason.message} (${showStep(step)})`
  switch (reason._tag) {
    case "InvalidRequest":
      return new InvalidRequest({ message })
    case "Unsupported":
      return new Unsupported({ message })
    case "ModelNotFound":
      return new ModelNotFound({ message })
    // Of an ensemble it would say that none of its steps has run.
    case "Stopping":
    case "ModelNotReady":
      return new ModelNotReady({ message })
    case "QueueFull":
      return new QueueFull({ message, model: reason.model, capacity: reason.capacity })
    case "RequestTimedOut":
      return new RequestTimedOut({ message })
    case "DeadlineExceeded":
      return new DeadlineExceeded({ message })
    case "Cancelled":
      return new Cancelled({ message })
    case "ExecutionFailed":
      return new ExecutionFailed({
        message,
        model: reason.model,
        ...(reason.cause === undefined ? {} : { cause: reason.cause })
      })
    case "InstanceLost":
      return new InstanceLost({ message, model: reason.model, instance: reason.instance, begun: reason.begun })
    case "ModelSuspended":
      return new ModelSuspended({ message, model: reason.model, retryAfterMillis: reason.retryAfterMillis })
    case "SequenceLost":
      return new SequenceLost({ message, model: reason.model, sequence: reason.sequence })
  }
}
