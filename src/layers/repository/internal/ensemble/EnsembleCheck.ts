/** Judges the ensembles of a repository by what the check of its models found; nothing is served. */
import { Result } from "effect"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import * as ModelSignature from "../../../../schema/ModelSignature.ts"
import * as Dependencies from "./Dependencies.ts"
import { stepsOf } from "./Ensemble.ts"

/** A model that was checked. @category models */
export interface CheckedModel {
  readonly id: string
  readonly name: string
  /** Versions that would be ready. */
  readonly versions: ReadonlyMap<number, ModelSignature.ModelSignature>
  /** Why there are none. */
  readonly trouble: Dependencies.Trouble | undefined
}

/** An ensemble that is fine by itself. @category models */
export interface CheckedEnsemble {
  readonly id: string
  readonly name: string
  readonly home: string | undefined
  /** The final config. */
  readonly config: ModelConfig
  readonly versions: ReadonlyArray<number>
}

/**
 * Ensembles by id with what is wrong with each, those first that others consist of. `isAmbiguous` tells names that several roots hold.
 *
 * @category guards
 */
export const judge = (
  models: ReadonlyArray<CheckedModel>,
  ensembles: ReadonlyArray<CheckedEnsemble>,
  isAmbiguous: (name: string) => boolean
): ReadonlyMap<string, string | undefined> => {
  const known = new Map(models.map((model) => [model.id, model]))
  const ids = new Map<string, ReadonlyArray<string>>()
  for (const { id, name } of [...models, ...ensembles]) ids.set(name, [...ids.get(name) ?? [], id])
  const idOf: Dependencies.Models["idOf"] = (ensemble, step) =>
    isAmbiguous(step.name) ? undefined : Dependencies.meantBy(ensemble, step, ids.get(step.name) ?? [])
  const find: Dependencies.Models["find"] = (id, version) => {
    const versions = known.get(id)?.versions ?? new Map<number, ModelSignature.ModelSignature>()
    const number = version === "" ? Math.max(...versions.keys()) : Number(version)
    const signature = versions.get(number)
    return signature === undefined ? Result.fail({ _tag: "Absent" }) : Result.succeed({ signature })
  }
  const all = { idOf, find, trouble: (id: string) => known.get(id)?.trouble, names: () => ids.keys() }
  const byId = new Map(ensembles.map((ensemble) => [ensemble.id, ensemble]))
  const problems = new Map<string, string | undefined>()
  const order = Dependencies.inOrder(
    ensembles,
    (ensemble) => stepsOf(ensemble.config).flatMap((step) => byId.get(idOf(ensemble, step) ?? "") ?? [])
  )
  for (const { circle, ensemble } of order) {
    const { config, id, name, versions } = ensemble
    const signature = ModelSignature.make(config)
    const problem = circle === undefined
      ? Dependencies.problemOf({ ...ensemble, signature }, all)
      : Dependencies.circular(circle.map((one) => one.name))
    problems.set(id, problem)
    known.set(id, {
      id,
      name,
      versions: new Map(problem === undefined ? versions.map((version) => [version, signature]) : []),
      trouble: problem === undefined ? undefined : { invalid: true, message: problem }
    })
  }
  return problems
}
