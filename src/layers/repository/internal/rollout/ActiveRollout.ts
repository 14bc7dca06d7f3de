/** A rollout at work: what labels, and requests that name no version, find among the ready versions of a model. */
import { Result } from "effect"
import { ModelNotReady } from "../../../../schema/Errors.ts"
import type { InferenceRequest } from "../../../../schema/Inference.ts"
import * as Rollout from "../../../../schema/Rollout.ts"
import type { Lookup, Model, Shadow } from "../../../../services/ModelRepository.ts"
import * as Split from "./Split.ts"

/** @category models */
export interface ActiveRollout {
  readonly rollout: Rollout.Rollout
  /** What the versions of the model run a share of their requests on as well. */
  readonly shadow: Shadow | undefined
  /** Numbers from 0 up to, but not including, 1. */
  readonly random: () => number
}

/** The ready versions of a model, as `publish` needs them. @category models */
export interface Ready {
  readonly name: string
  /** Ascending. */
  readonly versions: ReadonlyArray<number>
  /** One of them, as requests find it under a key, which they may ask for again. */
  readonly found: (key: string, version: number) => Lookup
  /** What requests find under a key at any later time. */
  readonly lookup: (key: string) => Lookup
}

/** `lookup` finds versions by their number or label; `random` is asked for requests: plain and fast. @category constructors */
export const make = (
  rollout: Rollout.Rollout,
  lookup: (key: string) => Lookup,
  random: () => number
): ActiveRollout => ({ rollout, random, shadow: shadowOf(rollout, lookup, random) })

const shadowOf = (
  { shadow }: Rollout.Rollout,
  lookup: (key: string) => Lookup,
  random: () => number
): Shadow | undefined => {
  if (shadow === undefined || shadow.share === 0) return undefined
  const { share, to, tolerance } = shadow
  return { lookup: () => lookup(to), tolerance, chosen: () => random() < share }
}

const notReady = (message: string): Lookup =>
  Result.fail(new ModelNotReady({ message: `Request for unknown model: ${message}` }))

/**
 * Adds what a rollout says to what requests find of a model: `found` has the ready versions under their decimal numbers and the
 * greatest one under `""`.
 *
 * @category combinators
 */
export const publish = (active: ActiveRollout, ready: Ready, found: Map<string, Lookup>): void => {
  const { rollout } = active
  const { name, versions } = ready
  for (const word of Rollout.words) {
    const version = Rollout.resolve(word, versions)
    found.set(
      word,
      version === undefined ? notReady(`'${name}' has no ${word} ready version`) : ready.found(word, version)
    )
  }
  for (const [label, reference] of rollout.labels) {
    const version = Rollout.resolve(reference, versions)
    found.set(
      label,
      version === undefined ? notReady(`'${name}' label '${label}' ${why(reference)}`) : ready.found(label, version)
    )
  }
  if (rollout.traffic !== undefined && versions.length > 0) found.set("", divided(active, ready, rollout.traffic))
}

const why = (reference: Rollout.VersionReference): string =>
  typeof reference === "number"
    ? `is version ${reference}, which is not at ready state`
    : `is the ${reference} ready version, and there is none`

/** What a request finds that names no version. */
const divided = (
  { random, rollout }: ActiveRollout,
  { found, lookup, name, versions }: Ready,
  traffic: ReadonlyMap<string, number>
): Lookup => {
  const targets: Array<Split.Target<() => Lookup>> = []
  let main = 0
  let first: number | undefined
  let several = false
  for (const [key, weight] of traffic) {
    const version = Rollout.resolve(Rollout.referenceOf(rollout, key)!, versions)
    if (weight === 0 || version === undefined) continue
    first ??= version
    several ||= version !== first
    if (targets.length > 0 && weight > targets[main]!.weight) main = targets.length
    targets.push({ name: key, weight, value: () => lookup(key) })
  }
  if (first === undefined) {
    const wanted = [...traffic].flatMap(([key, weight]) => weight > 0 ? [`'${key}'`] : [])
    return notReady(
      `none of the versions that requests for '${name}' go to is at ready state: ${wanted.join(", ")}`
    )
  }
  if (!several) return found("", first)
  const split = Split.make(targets, name)
  const route = (request: InferenceRequest) => {
    const key = keyOf(request, rollout.sticky)
    return key === undefined ? split.byChance(random()) : split.byKey(key)
  }
  const version = Rollout.resolve(Rollout.referenceOf(rollout, targets[main]!.name)!, versions)!
  return Result.map(found("", version), (model): Model => ({ ...model, route }))
}

/** The value that ties a request to a target. The requests of a sequence must meet the same version anyhow. */
const keyOf = ({ parameters, sequence }: InferenceRequest, sticky: string | undefined): string | undefined => {
  const value = (sticky === undefined ? undefined : parameters.get(sticky)) ?? sequence?.id
  return value === undefined ? undefined : String(value)
}
