/**
 * Whether the models that an ensemble consists of are there and fit. Texts are Triton's, with what to do about it behind them.
 *
 * Source: scheduling §5.1, model-config §1.11.
 */
import { Result } from "effect"
import type { ModelSignature } from "../../../../schema/ModelSignature.ts"
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import { isNotResident, type Model, type NotResident } from "../../../../services/ModelRepository.ts"
import * as EnsembleChecks from "../../../ensemble/EnsembleChecks.ts"
import { type Ensemble, type Step, stepsOf } from "./Ensemble.ts"

/** Why a model that is known has no ready version. @category models */
export interface Trouble {
  /** It did not get as far as being loaded. */
  readonly invalid: boolean
  readonly message: string
}

/** What is found of a model, as far as it matters here. @category models */
export type Found = Result.Result<Pick<Model, "signature">, { readonly _tag: string } | NotResident>

/** What there is to know about models. @category models */
export interface Models {
  /** The model that a step means; `undefined`: there is none, or several. */
  readonly idOf: (ensemble: Pick<Ensemble, "home">, step: Step) => string | undefined
  readonly find: (id: string, version: string) => Found
  /** Names of all that are known, for suggestions. */
  readonly names: () => Iterable<string>
  /** `undefined`: nothing has gone wrong. */
  readonly trouble: (id: string, name: string) => Trouble | undefined
}

/**
 * The model that a step means among those of its name: that of the root which the step names, else one of the ensemble's own root, else
 * the only one.
 *
 * @category getters
 */
export const meantBy = (
  { home }: Pick<Ensemble, "home">,
  { name, namespace }: Step,
  ids: ReadonlyArray<string>
): string | undefined => {
  const own = namespace === "" ? home : namespace
  return ids.find((id) => own !== undefined && id === `${own}::${name}`) ?? (ids.length === 1 ? ids[0] : undefined)
}

/** It takes requests, or will when it is asked. */
const isThere = (found: Found): boolean => Result.isSuccess(found) || isNotResident(found.failure)

const signatureOf = (found: Found): ModelSignature | undefined =>
  Result.isSuccess(found) ? found.success.signature : undefined

/**
 * Why the ensemble cannot be served as things are; `undefined`: it can, as far as is known. What has not been loaded yet is looked at
 * when it is.
 *
 * @category guards
 */
export const problemOf = (
  ensemble: Pick<Ensemble, "config" | "home" | "name" | "signature">,
  models: Models
): string | undefined => {
  const { config, name } = ensemble
  const steps = stepsOf(config)
  const absent = new Map<string, number>()
  const found: Array<Found> = []
  for (const step of steps) {
    if (models.idOf(ensemble, step) === undefined && !absent.has(step.name)) absent.set(step.name, step.index)
  }
  if (absent.size > 0) {
    const candidates = [...models.names()].filter((model) => model !== name && !absent.has(model)).sort()
    return `ensemble ${name} contains models that are not available or ambiguous: ${[...absent.keys()].join(", ")}` +
      Array.from(absent, ([model, index]) => `\n${stepWithout(model, index, candidates)}`).join("")
  }
  const namespaces = new Map<string, string>()
  for (const step of steps) {
    const id = models.idOf(ensemble, step)!
    if ((namespaces.get(step.name) ?? id) !== id) {
      return `ensemble ${name} names model '${step.name}' of two namespaces, which one ensemble cannot`
    }
    namespaces.set(step.name, id)
    const lookup = models.find(id, step.version)
    if (!isThere(lookup)) return missing(name, step, id, models)
    found.push(lookup)
  }
  return EnsembleChecks.problemOf(config, ensemble.signature, found.map(signatureOf))
}

/** Names of one or two letters are near to each other without being meant. */
const stepWithout = (model: string, index: number, candidates: ReadonlyArray<string>): string => {
  const near = model.length < 3 ? undefined : nearest(model, candidates)
  return `step ${index} names '${model}'${near === undefined ? "" : `: did you mean '${near}'?`}`
}

const missing = (ensemble: string, { index, name, version }: Step, id: string, models: Models): string => {
  const at = `ensemble '${ensemble}' depends on '${name}'`
  if (version !== "" && isThere(models.find(id, ""))) {
    const hint = version === "0"
      ? `\nstep ${index} gives no model_version, which means version 0: say -1 for the latest`
      : ""
    return `${at} whose required version ${version} is not loaded.${hint}`
  }
  const trouble = models.trouble(id, name)
  if (trouble === undefined) return `${at} which has no loaded version.`
  return trouble.invalid
    ? `${at} which is not valid. Model '${name}' failed with error: ${trouble.message}`
    : `${at} which has no loaded version. Model '${name}' loading failed with error: ${trouble.message}`
}

/** A circle of ensembles, which begins and ends with the first of them. @category formatting */
export const circular = (path: ReadonlyArray<string>): string =>
  `circular dependency between ensembles: ${path.join(" -> ")}`

/**
 * Ensembles so that each comes after those that it consists of; those of a circle have the way round it, from themselves to
 * themselves.
 *
 * @category ordering
 */
export const inOrder = <A extends { readonly id: string }>(
  ensembles: Iterable<A>,
  consistsOf: (ensemble: A) => ReadonlyArray<A>
): ReadonlyArray<{ readonly ensemble: A; readonly circle: ReadonlyArray<A> | undefined }> => {
  const order: Array<{ readonly ensemble: A; readonly circle: ReadonlyArray<A> | undefined }> = []
  const circles = new Map<A, ReadonlyArray<A>>()
  const done = new Set<A>()
  const path: Array<A> = []
  const visit = (ensemble: A): void => {
    if (done.has(ensemble)) return
    const at = path.indexOf(ensemble)
    if (at !== -1) {
      const round = path.slice(at)
      for (const [i, one] of round.entries()) {
        if (!circles.has(one)) circles.set(one, [...round.slice(i), ...round.slice(0, i), one])
      }
      return
    }
    path.push(ensemble)
    for (const part of consistsOf(ensemble)) visit(part)
    path.pop()
    done.add(ensemble)
    order.push({ ensemble, circle: circles.get(ensemble) })
  }
  for (const ensemble of ensembles) visit(ensemble)
  return order
}
