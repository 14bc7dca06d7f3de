/** Finds the models of steps when a request begins; those that are not loaded are, beside each other. */
import { Effect, Result } from "effect"
import { withinDeadline } from "../../../services/InferenceServer.ts"
import { isNotResident, type Model, whenResident } from "../../../services/ModelRepository.ts"
import type { JobFailure } from "../../../services/Scheduler.ts"
import type { PlannedStep } from "../EnsemblePlan.ts"
import type { Ensemble } from "./Ensemble.ts"
import * as StepFailure from "./StepFailure.ts"

/** Goes on with the models, by the index of their steps. 0: no deadline bounds the loading. @category combinators */
export const find = <A>(
  { lookup, plan }: Ensemble,
  steps: ReadonlyArray<PlannedStep>,
  deadlineMicros: number,
  use: (models: ReadonlyArray<Model | undefined>) => Effect.Effect<A, JobFailure>
): Effect.Effect<A, JobFailure> => {
  const models = new Array<Model | undefined>(plan.steps.length).fill(undefined)
  const fail = (step: PlannedStep, reason: JobFailure) => Effect.fail(StepFailure.inEnsemble(plan.name, step, reason))
  let missing: Array<PlannedStep> | undefined
  for (const step of steps) {
    const found = lookup(step.model, step.version)
    if (Result.isSuccess(found)) models[step.index] = found.success
    else if (isNotResident(found.failure)) (missing ??= []).push(step)
    else return fail(step, found.failure)
  }
  if (missing === undefined) return use(models)
  const load = (step: PlannedStep): Effect.Effect<void, JobFailure> =>
    Effect.matchEffect(withinDeadline(whenResident(() => lookup(step.model, step.version)), deadlineMicros), {
      onFailure: (reason) => fail(step, reason),
      onSuccess: (model) => {
        models[step.index] = model
        return Effect.void
      }
    })
  return Effect.andThen(
    Effect.forEach(missing, load, { concurrency: "unbounded", discard: true }),
    Effect.suspend(() => use(models))
  )
}
