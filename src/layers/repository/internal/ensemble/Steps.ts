/** Loads and unloads the models that ensembles consist of along with them. */
import { Effect } from "effect"
import type { Look } from "../Roots.ts"
import { type Ensemble, stepsOf } from "./Ensemble.ts"
import type { Ensembles } from "./Ensembles.ts"

/** @category models */
export interface Options<Target extends { readonly id: string }> {
  readonly ensembles: Ensembles
  /** The model of this name that there is to load, one of the root `home` before others; `undefined`: none, or several. */
  readonly targetOf: (name: string, home: string | undefined, look: Look) => Target | undefined
  /** Loads one model. What it fails with was told. */
  readonly load: (target: Target, look: Look) => Effect.Effect<unknown>
  /** Unloads one model unless `stays` says why not, in one step; whether it did. */
  readonly unload: (model: Named, stays: () => string | undefined) => Effect.Effect<Ensemble | undefined>
  /** Models that somebody loaded by their name. */
  readonly byName: ReadonlySet<string>
}

/** @category models */
export interface Named {
  readonly id: string
  readonly name: string
}

/** @category models */
export interface Steps {
  /** Loads what these consist of, and what that consists of. Adds the ids of all to `ids`. */
  readonly load: (ids: Set<string>, look: Look) => Effect.Effect<void>
  /** Unloads what nothing else uses of that which a dropped ensemble consisted of, and what that consisted of. */
  readonly unload: (ensemble: Ensemble) => Effect.Effect<void>
}

const rootOf = (namespace: string, home: string | undefined): string | undefined => namespace === "" ? home : namespace

/** @category constructors */
export const make = <Target extends { readonly id: string }>(
  { byName, ensembles, load, targetOf, unload }: Options<Target>
): Steps => {
  const loadBelow = (ensemble: Ensemble, ids: Set<string>, look: Look): Effect.Effect<void> =>
    Effect.suspend(() => {
      const targets = new Map<string, Target>()
      for (const { name, namespace } of stepsOf(ensemble.config)) {
        const target = targetOf(name, rootOf(namespace, ensemble.home), look)
        if (target !== undefined && !ids.has(target.id)) targets.set(target.id, target)
      }
      for (const id of targets.keys()) ids.add(id)
      return Effect.forEach(
        targets.values(),
        (target) => Effect.andThen(load(target, look), below(target.id, ids, look)),
        { concurrency: 16, discard: true }
      )
    })

  const below = (id: string, ids: Set<string>, look: Look) =>
    Effect.suspend(() => {
      const ensemble = ensembles.wanted(id)
      return ensemble === undefined ? Effect.void : loadBelow(ensemble, ids, look)
    })

  /** Why a model of a dropped ensemble stays. */
  const stays = ({ id, name }: Named) => () => {
    if (byName.has(id)) return `model '${name}' stays: it was loaded by its name`
    const users = ensembles.usersOf(id)
    return users.length === 0
      ? undefined
      : `model '${name}' stays: ${users.map((user) => `'${user}'`).join(", ")} ${
        users.length === 1 ? "uses" : "use"
      } it`
  }

  const unloadBelow = (ensemble: Ensemble): Effect.Effect<void> =>
    Effect.suspend(() => {
      const models = new Map<string, Named>()
      for (const step of stepsOf(ensemble.config)) {
        const id = ensembles.idOf(ensemble, step)
        if (id !== undefined) models.set(id, { id, name: step.name })
      }
      return Effect.forEach(
        models.values(),
        (model) =>
          Effect.flatMap(
            unload(model, stays(model)),
            (dropped) => dropped === undefined ? Effect.void : unloadBelow(dropped)
          ),
        { discard: true }
      )
    })

  return {
    load: (ids, look) => Effect.forEach([...ids], (id) => below(id, ids, look), { concurrency: 16, discard: true }),
    unload: unloadBelow
  }
}
