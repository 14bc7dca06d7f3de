/** Asks for versions that may have to be loaded first. */
import { Effect, Result } from "effect"
import type { DeadlineExceeded, InvalidRequest, ModelNotFound, ModelNotReady } from "../../../schema/Errors.ts"
import * as ModelRepository from "../../../services/ModelRepository.ts"
import type { Deadline } from "./infer/Deadline.ts"

/** Why a version is not there. @internal */
export type Absent = ModelNotFound | ModelNotReady | InvalidRequest

/** A call of a front end, as far as this needs it: how it answers failures, and how it waits. */
interface Asker {
  failure(failure: Absent): void
  answerWith<A>(effect: Effect.Effect<A, Absent>, onSuccess: (value: A) => void): void
}

/** Answers with what `ask` finds, at once where nothing has to be loaded. @internal */
export const whenResident = <A>(
  call: Asker,
  ask: () => Result.Result<A, Absent | ModelRepository.NotResident>,
  answer: (value: A) => void
): void => {
  const found = ask()
  if (Result.isSuccess(found)) answer(found.success)
  else if (ModelRepository.isNotResident(found.failure)) call.answerWith(ModelRepository.whenResident(ask), answer)
  else call.failure(found.failure)
}

/** The model, once it is loaded; a deadline that the client gave bounds the waiting. @internal */
export const untilDeadline = (
  ask: () => ModelRepository.Lookup,
  deadline: Deadline | undefined
): Effect.Effect<ModelRepository.Model, Absent | DeadlineExceeded> => {
  const resident = ModelRepository.whenResident(ask)
  return deadline === undefined
    ? resident
    : Effect.timeoutOrElse(resident, {
      duration: deadline.leftMicros() / 1000,
      orElse: () => Effect.fail(deadline.exceeded())
    })
}
