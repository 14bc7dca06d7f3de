/** A rollout at work: what labels, and requests that name no version, find among the ready versions of a model. */
import { Result } from "effect"
import { ModelNotReady } from "../../../../schema/Errors.ts"
import type { InferenceRequest } from "../../../../schema/Inference.ts"
import * as Rollout from "../../../../schema/Rollout.ts"
import type { Model, ModelRepository } from "../../../../services/ModelRepository.ts"
import * as Split from "./Split.ts"

type Found = ReturnType<ModelRepository["Service"]["lookup"]>

/** @category models */
export interface ActiveRollout {
  readonly rollout: Rollout.Rollout
  /** Chance: numbers from 0 up to, but not including, 1. Plain and fast, for it is asked for requests. */
  readonly random: () => number
}

const notReady = (message: string): Found =>
  Result.fail(new ModelNotReady({ message: `Request for unknown model: ${message}` }))

/**
 * Changes what requests find of a model as its rollout says. `ready` holds the ready models by their decimal versions and, under
 * `""`, the greatest one; `models` are the same, ascending.
 *
 * @category combinators
 */
export const publish = (
  { random, rollout }: ActiveRollout,
  name: string,
  models: ReadonlyArray<Model>,
  ready: Map<string, Found>
): void => {
  const versions = models.map(({ version }) => version)
  const resolve = (reference: Rollout.VersionReference) => Rollout.resolve(reference, versions)

  for (const [label, reference] of rollout.labels) {
    const version = resolve(reference)
    const found = version === undefined ? undefined : ready.get(String(version))
    ready.set(label, found ?? notReady(`'${name}' label '${label}' ${unready(reference)}`))
  }

  if (rollout.traffic === undefined || models.length === 0) return
  const targets: Array<Split.Target<Model>> = []
  for (const [target, weight] of rollout.traffic) {
    const version = resolve(Rollout.referenceOf(rollout, target)!)
    const model = models.find((model) => model.version === version)
    if (weight > 0 && model !== undefined) targets.push({ name: target, weight, value: model })
  }
  ready.set("", targets.length === 0 ? notReady(noTarget(name, rollout.traffic)) : Result.succeed(routed(targets)))

  function routed(targets: ReadonlyArray<Split.Target<Model>>): Model {
    const main = targets.reduce((most, target) => target.weight > most.weight ? target : most).value
    if (targets.every(({ value }) => value === main)) return main
    const split = Split.make(targets, name)
    return {
      ...main,
      route: (request) => {
        const key = keyOf(request, rollout.sticky)
        return key === undefined ? split.byChance(random()) : split.byKey(key)
      }
    }
  }
}

/** The value that ties a request to a target. The requests of a sequence must meet the same version anyhow. */
const keyOf = ({ parameters, sequence }: InferenceRequest, sticky: string | undefined): string | undefined => {
  const value = (sticky === undefined ? undefined : parameters.get(sticky)) ?? sequence?.id
  return value === undefined ? undefined : String(value)
}

const unready = (reference: Rollout.VersionReference): string =>
  typeof reference === "number"
    ? `is version ${reference}, which is not at ready state`
    : `is the ${reference} ready version, and there is none`

const noTarget = (name: string, traffic: ReadonlyMap<string, number>): string => {
  const names = [...traffic].flatMap(([target, weight]) => weight > 0 ? [`'${target}'`] : [])
  return `none of the versions that requests for '${name}' go to is at ready state: ${names.join(", ")}`
}
