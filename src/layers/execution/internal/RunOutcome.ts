/** How a run ended, for whoever started it. */
import { Exit } from "effect"
import { ExecutionFailed, InstanceLost, InvalidRequest } from "../../../schema/Errors.ts"
import type { ExecutionResult, RunFailure } from "../../../services/Executor.ts"
import * as Mailbox from "./Mailbox.ts"
import * as RunRequest from "./RunRequest.ts"

const { Answer, Status } = Mailbox

/** The instance whose run it was. @category models */
export interface Of {
  readonly model: string
  readonly name: string
  readonly layout: RunRequest.Layout
  /** Whose words errors repeat. */
  readonly kind: { readonly runtime: string }
}

/** Runs up to this long are shorter than the wake-up of a thread, with everything that goes with it. */
export const quickNanos = 100_000

/** What runs take of late, after one more: one outlier does not decide. */
export const average = (before: number, result: ExecutionResult): number => {
  const nanos = result.computeInputNanos + result.computeInferNanos + result.computeOutputNanos
  return nanos > before ? Math.min(nanos, before * 1.5) : Math.max(nanos, before * 0.5)
}

/** The outcome that lies in a place of the mailbox; frees what belonged to the run. */
export const read = (
  { kind, layout, model }: Of,
  place: Mailbox.PlaceViews,
  written: RunRequest.Written,
  message: Mailbox.AnswerMessage | undefined
): Exit.Exit<ExecutionResult, RunFailure> => {
  const status = place.fields[Answer.status]!
  RunRequest.free(written, status !== Status.done)
  if (status === Status.done) return Exit.succeed(RunRequest.read(place, layout, written, message))
  if (status === Status.invalid) return Exit.fail(new InvalidRequest({ message: message!.error! }))
  return Exit.fail(new ExecutionFailed({ message: `${kind.runtime} error: ${message!.error!.trim()}`, model }))
}

/** A run that its instance has not answered, and never will. */
export const lost = (
  { model, name }: Pick<Of, "model" | "name">,
  reason: string,
  begun: boolean
): Exit.Exit<never, InstanceLost> =>
  Exit.fail(
    new InstanceLost({
      message: `instance '${name}' of model '${model}' was lost ${begun ? "while" : "before"} it ran the request: ` +
        `${reason}; the instance is being restarted, try again`,
      model,
      instance: name,
      begun
    })
  )
