/** Ensembles given as values, beside the models that a repository has: loaded and unloaded by name, with what they consist of. */
import { type Context, Effect, Result, type Scope } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import * as ModelConfig from "../../../../schema/ModelConfig.ts"
import * as ModelSignature from "../../../../schema/ModelSignature.ts"
import * as GalateaParameters from "../config/GalateaParameters.ts"
import { normaliseConfig } from "../config/Normalise.ts"
import type * as Lifecycle from "../Lifecycle.ts"
import type * as OpenVersion from "../OpenVersion.ts"
import type { Warn } from "../PollModel.ts"
import { type Ensemble, stepsOf } from "./Ensemble.ts"
import * as Ensembles from "./Ensembles.ts"
import * as PrepareEnsemble from "./PrepareEnsemble.ts"

/** @category models */
export interface GivenEnsemble {
  readonly name: string
  readonly version: number
  readonly config: ModelConfig.Draft
}

/** @category models */
export interface Options {
  readonly lifecycle: Lifecycle.Lifecycle
  readonly services: Context.Context<OpenVersion.Services>
  readonly given: ReadonlyArray<GivenEnsemble>
  /** Names of the other models. */
  readonly others: ReadonlySet<string>
  /** Loads one of them. */
  readonly loadOther: (name: string) => Effect.Effect<void, LoadFailed>
  readonly warn: (model: string) => Warn
}

/** @category models */
export interface GivenEnsembles {
  readonly has: (name: string) => boolean
  readonly versionsOf: (name: string) => ReadonlyArray<number>
  /** All of them, after their models were tried. What fails was told. */
  readonly loadAll: Effect.Effect<void>
  /** Loads models of which one or several may be ensembles, with what these consist of. */
  readonly load: (name: string, other: Effect.Effect<void, LoadFailed>) => Effect.Effect<void, LoadFailed>
  /** Runs what unloads a model, and, where asked for, unloads what an ensemble consists of and nothing else uses. */
  readonly unload: (
    name: string,
    version: number | undefined,
    dependents: boolean
  ) => Effect.Effect<void>
}

/** None is loaded yet. The scope closes them before their models. @category constructors */
export const make = Effect.fnUntraced(function*(
  { given, lifecycle, loadOther, others, services, warn }: Options
): Effect.fn.Return<GivenEnsembles, never, Scope.Scope> {
  const byName = new Map(given.map((ensemble) => [ensemble.name, ensemble]))
  const explicit = new Set<string>()
  const ensembles = yield* Ensembles.make({
    lifecycle,
    services,
    unread: () => undefined,
    isAmbiguous: () => false,
    names: () => [...byName.keys(), ...others],
    maxWaiting: undefined
  })

  const prepare = Effect.fnUntraced(function*({ config: draft, name, version }: GivenEnsemble) {
    if (given.filter((other) => other.name === name).length > 1 || others.has(name)) {
      return yield* new LoadFailed({ model: name, code: "INVALID_ARG", message: `ensemble '${name}' is given twice` })
    }
    const normalised = normaliseConfig(ModelConfig.make({ ...draft, name }))
    yield* Effect.forEach(GalateaParameters.warnings(normalised), warn(name), { discard: true })
    const config = yield* PrepareEnsemble.check(normalised, "/", warn(name))
    const ensemble: Ensemble = {
      id: name,
      name,
      home: undefined,
      config,
      signature: ModelSignature.make(config),
      labels: new Map(),
      versions: [version],
      identity: () => "",
      exists: (other) => other === version,
      rollout: undefined,
      committed: Effect.void,
      failed: () => {}
    }
    return ensemble
  })

  /** Wants an ensemble; one that is wrong by itself fails as a version does that does not open. */
  const want = Effect.fnUntraced(function*(one: GivenEnsemble) {
    const prepared = yield* Effect.result(prepare(one))
    if (Result.isSuccess(prepared)) {
      ensembles.want(prepared.success)
      return stepsOf(prepared.success.config).map(({ name }) => name)
    }
    const open = Effect.fail(prepared.failure)
    yield* lifecycle.load({ id: one.name, name: one.name }, [{ version: one.version, light: true, open }])
    return yield* prepared.failure
  })

  /** Loads a model and what it consists of; `seen` has the names of all. */
  const visit = (name: string, seen: Set<string>): Effect.Effect<void, LoadFailed> =>
    Effect.suspend(() => {
      if (seen.has(name)) return Effect.void
      seen.add(name)
      const ensemble = byName.get(name)
      if (ensemble === undefined) return others.has(name) ? loadOther(name) : Effect.void
      return Effect.flatMap(want(ensemble), (steps) =>
        Effect.forEach(steps, (step) => Effect.ignore(visit(step, seen)), { discard: true }))
    })

  const failureOf = (name: string) =>
    Effect.suspend(() => {
      const failure = ensembles.failureOf(name)
      return failure === undefined ? Effect.void : Effect.fail(failure)
    })

  const unload = Effect.fnUntraced(function*(name: string, version: number | undefined) {
    const dropped = ensembles.drop(name, version)
    if (version === undefined) explicit.delete(name)
    yield* lifecycle.unload(name, version)
    return ensembles.wanted(name) === undefined ? dropped : undefined
  })

  const unloadBelow = (ensemble: Ensemble): Effect.Effect<void> =>
    Effect.forEach(new Set(stepsOf(ensemble.config).map(({ name }) => name)), (name) =>
      Effect.suspend(() => {
        if (explicit.has(name) || ensembles.usersOf(name).length > 0) return Effect.void
        return Effect.flatMap(unload(name, undefined), (dropped) => dropped ? unloadBelow(dropped) : Effect.void)
      }), { discard: true })

  return {
    has: (name) => byName.has(name),
    versionsOf: (name) => {
      const ensemble = byName.get(name)
      return ensemble === undefined ? [] : [ensemble.version]
    },
    loadAll: Effect.onExit(
      Effect.forEach(given, (ensemble) => Effect.ignore(want(ensemble)), { discard: true }),
      () => ensembles.settle(byName.keys())
    ),
    load: (name, other) => {
      const seen = new Set<string>()
      explicit.add(name)
      const loading = byName.has(name) ? visit(name, seen) : other
      return Effect.andThen(Effect.onExit(loading, () => ensembles.settle(seen)), failureOf(name))
    },
    unload: (name, version, dependents) =>
      Effect.onExit(
        Effect.flatMap(
          unload(name, version),
          (dropped) => dependents && dropped !== undefined ? unloadBelow(dropped) : Effect.void
        ),
        () => ensembles.settle()
      )
  }
})
