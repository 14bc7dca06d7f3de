/** What the index shows of a version whose instances were lost too often, so that no more is started for a while. */
import { Result } from "effect"
import type { InstancesCondition } from "../../../services/Executor.ts"
import type { Model, VersionState } from "../../../services/ModelRepository.ts"
import type { OnDemand } from "./LifecycleState.ts"

interface Status {
  readonly state: VersionState
  readonly reason: string
}

const paused = (condition: InstancesCondition | undefined): InstancesCondition | undefined =>
  condition?.pausedUntilNanos === undefined ? undefined : condition

/** No instance of the version is started for now; what loads when it is asked for and is not in memory has none. @category guards */
export const isSuspended = (model: Pick<Model, "condition"> | Pick<OnDemand, "found">): boolean => {
  if (!("found" in model)) return paused(model.condition?.()) !== undefined
  const found = model.found()
  return Result.isSuccess(found) && paused(found.success.condition?.()) !== undefined
}

/** As the index shows a version that is ready otherwise. @category getters */
export const statusOf = (model: Pick<Model, "condition">, otherwise: Status): Status => {
  const condition = paused(model.condition?.())
  if (condition === undefined) return otherwise
  const { lastLoss, live, losses } = condition
  const what = `no more instances are started for now, after ${losses} losses; the last was: ${lastLoss}`
  return live === 0
    ? { state: "UNAVAILABLE", reason: what }
    : { state: "READY", reason: `${live} of its instances serve; ${what}` }
}
