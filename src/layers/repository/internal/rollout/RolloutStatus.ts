/** What a rollout comes to at this moment. */
import * as Rollout from "../../../../schema/Rollout.ts"
import type { RolloutStatus, RolloutTarget } from "../../../../services/ModelRepository.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"

const empty: RolloutStatus = { labels: [], traffic: [], sticky: undefined, shadow: undefined }

/**
 * `ready` are the ready versions, ascending; `statistics` gives the books of one of them, where it has any.
 *
 * @category getters
 */
export const of = (
  rollout: Rollout.Rollout | undefined,
  ready: ReadonlyArray<number>,
  statistics: (version: number) => ModelStatistics | undefined
): RolloutStatus => {
  if (rollout === undefined) return empty
  const target = (name: string): RolloutTarget => {
    const reference = Rollout.referenceOf(rollout, name)!
    const version = Rollout.resolve(reference, ready)
    return {
      name,
      version: version ?? (typeof reference === "number" ? reference : undefined),
      ready: version !== undefined
    }
  }
  const weighted = [...rollout.traffic ?? []].map(([name, weight]) => ({ ...target(name), weight }))
  const sum = weighted.reduce((total, { ready, weight }) => total + (ready ? weight : 0), 0)
  return {
    labels: [...rollout.labels.keys()].map(target),
    traffic: weighted.map((one) => ({ ...one, share: one.ready && sum > 0 ? one.weight / sum : 0 })),
    sticky: rollout.sticky,
    shadow: rollout.shadow && shadowOf(rollout.shadow, target(rollout.shadow.to), statistics)
  }
}

const shadowOf = (
  { share, tolerance }: Rollout.Shadow,
  target: RolloutTarget,
  statistics: (version: number) => ModelStatistics | undefined
): RolloutStatus["shadow"] => {
  const books = target.ready ? statistics(target.version!) : undefined
  return { ...target, share, tolerance, requests: books?.counts().shadows ?? none }
}

const none = { same: 0, different: 0, failed: 0, dropped: 0 }
