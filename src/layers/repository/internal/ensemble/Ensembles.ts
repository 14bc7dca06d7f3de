/**
 * Keeps ensembles ready while the models that they consist of are.
 *
 * Models load and unload by themselves. An ensemble that is to be served is looked at after each change: it loads, loads again because
 * a model of it was, or leaves with the reason beside its state, and comes back by itself. Before a model leaves, so do the ensembles
 * that need it; the model closes after them.
 */
import { type Context, Effect, Result, type Scope, Semaphore } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import * as Lifecycle from "../Lifecycle.ts"
import * as LifecycleState from "../LifecycleState.ts"
import type * as OpenVersion from "../OpenVersion.ts"
import * as VersionSpan from "../VersionSpan.ts"
import * as Dependencies from "./Dependencies.ts"
import { type Ensemble, type Step, stepsOf } from "./Ensemble.ts"
import { HeldSteps } from "./HeldSteps.ts"
import * as OnDemandEnsemble from "./OnDemandEnsemble.ts"
import * as OpenEnsemble from "./OpenEnsemble.ts"
import { OpenEnsembles, reasonFor } from "./OpenEnsembles.ts"

/** @category models */
export interface Options {
  readonly lifecycle: Lifecycle.Lifecycle
  readonly services: Context.Context<OpenVersion.Services>
  /** Why a model is not there that was never loaded; `undefined`: nobody knows it, or several models have its name. */
  readonly unread: (name: string) => string | undefined
  /** Several models have this name. */
  readonly isAmbiguous: (name: string) => boolean
  /** Names of all models that could be loaded, for suggestions. */
  readonly names: () => Iterable<string>
  /** Models load when they are asked for: requests that may wait for one of them. Absent: they do not. */
  readonly maxWaiting: number | undefined
  /** See `EnsembleScheduler.Options`. */
  readonly maxQueueSize?: number
}

/** @category models */
export interface Ensembles {
  /** The ensemble is to be served as this from now on, as soon as its models were tried: see `settle`. */
  readonly want: (ensemble: Ensemble) => void
  /** All versions of an ensemble, or one, are not to be served any more; `undefined`: it was none. */
  readonly drop: (id: string, version?: number) => Ensemble | undefined
  /** What is to be served. */
  readonly wanted: (id: string) => Ensemble | undefined
  /** Names of the ensembles that are to be served and consist of this model, among others. */
  readonly usersOf: (id: string) => ReadonlyArray<string>
  /** The model that a step means; `undefined`: there is none, or several. */
  readonly idOf: (ensemble: Pick<Ensemble, "home">, step: Step) => string | undefined
  /**
   * Brings every ensemble to what the models that it consists of allow. To be run after each change, with the ids of those that were
   * wanted meanwhile and of which the models were tried.
   */
  readonly settle: (ids?: Iterable<string>) => Effect.Effect<void>
  /** What serves is what is to be served, after all. */
  readonly restore: (ensemble: Ensemble) => void
  /** Why it is not served, or not as it is to be. */
  readonly failureOf: (id: string) => LoadFailed | undefined
}

interface Wanted {
  readonly id: string
  ensemble: Ensemble
  /** The models that it consists of were not tried yet. */
  pending: boolean
  /** It has taken effect. */
  settled: boolean
  /** What the load API answers. */
  failure: LoadFailed | undefined
  /** The same in a sentence. */
  problem: string | undefined
  /** Models that it was tried with in vain. */
  failedWith: string | undefined
}

/** None is to be served yet. The scope takes all out of the look-up, and waits until they have closed. @category constructors */
export const make = Effect.fnUntraced(function*(
  { isAmbiguous, lifecycle, maxQueueSize, maxWaiting, names, services, unread }: Options
): Effect.fn.Return<Ensembles, never, Scope.Scope> {
  const all = new Map<string, Wanted>()
  const turn = yield* Semaphore.make(1)
  let ending = false

  const idOf: Ensembles["idOf"] = (ensemble, step) => {
    const { name } = step
    const ids = lifecycle.named(name)
    if (ids.length > 0) return isAmbiguous(name) ? undefined : Dependencies.meantBy(ensemble, step, ids)
    return isAmbiguous(name) || unread(name) === undefined ? undefined : name
  }

  const trouble = (id: string, name: string): Dependencies.Trouble | undefined => {
    const problem = all.get(id)?.problem
    if (problem !== undefined) return { invalid: true, message: problem }
    const failed = (lifecycle.states().get(id) ?? []).filter(({ reason, state }) =>
      state === "UNAVAILABLE" && reason !== "" && reason !== LifecycleState.unloaded
    )
    if (failed.length > 0) {
      const texts = failed.map(({ reason, version }) => `version ${version} is at UNAVAILABLE state: ${reason};`)
      return { invalid: false, message: texts.join("") }
    }
    const message = unread(name)
    return message === undefined ? undefined : { invalid: true, message }
  }

  const models: Dependencies.Models = { idOf, trouble, names, find: lifecycle.find }
  const opened = new OpenEnsembles(lifecycle, models)
  lifecycle.watch(opened)

  /** Says which loads of models an ensemble would be made of. */
  const madeOf = (ensemble: Ensemble): string =>
    stepsOf(ensemble.config).map((step) => {
      const id = idOf(ensemble, step)
      if (id === undefined) return ""
      const serials = lifecycle.serials(id)
      const found = step.version === "" ? [...serials] : [[step.version, serials.get(Number(step.version))]]
      return `${id} ${found.join(" ")}`
    }).join("\n")

  const open = Effect.fnUntraced(function*(ensemble: Ensemble, version: number) {
    const steps = stepsOf(ensemble.config)
    const ids = new Map(steps.map((step) => [step.name, idOf(ensemble, step) ?? step.name]))
    const held = new HeldSteps(lifecycle, steps, ids)
    const registered = yield* opened.add(ensemble, version, held)
    const opening = OpenEnsemble.open(ensemble, version, held, maxQueueSize).pipe(
      Effect.provideContext(services),
      VersionSpan.load(ensemble.config.name, version)
    )
    const problem = () => Dependencies.problemOf(ensemble, models)
    const there = steps.every(({ name, version }) => Result.isSuccess(held.lookup(name, version)))
    registered.model = maxWaiting === undefined || there
      ? yield* opening
      : yield* OnDemandEnsemble.make({ ensemble, version, held, problem, open: opening, maxWaiting })
    return registered.model
  })

  const fail = (wanted: Wanted, problem: string | undefined, failure: LoadFailed | undefined) => {
    wanted.problem = problem
    wanted.failure = failure
  }

  const refuse = Effect.fnUntraced(function*(wanted: Wanted, message: string) {
    const { ensemble } = wanted
    const { id, name } = ensemble
    for (const { reason, version } of opened.broken(id)) yield* lifecycle.unload(id, version, reason)
    if (wanted.problem === message) return
    const reason = reasonFor(name, message)
    fail(wanted, message, Lifecycle.loadFailed(name, ensemble.versions.map((version) => ({ version, reason }))))
    wanted.settled = false
    yield* lifecycle.refuse(ensemble, ensemble.versions, reason)
    ensemble.failed()
  })

  const bring = Effect.fnUntraced(function*(wanted: Wanted) {
    const { ensemble } = wanted
    const steps = madeOf(ensemble)
    if (wanted.failedWith === steps) return
    const identity = (version: number) => `${ensemble.identity(version)}\n${steps}`
    const serving = lifecycle.identities(ensemble.id)
    const stale = ensemble.versions.filter((version) => serving.get(version) !== identity(version))
    if (stale.length === 0 && wanted.settled) return
    const plans = stale.map((version): Lifecycle.VersionPlan => ({
      version,
      identity: identity(version),
      light: true,
      open: open(ensemble, version)
    }))
    let outdated = false
    const result = yield* Effect.result(lifecycle.load(ensemble, plans, ensemble.rollout, {
      keep: (version) => ensemble.versions.includes(version) && !stale.includes(version),
      exists: ensemble.exists,
      refused: () => {
        const problem = all.get(ensemble.id) === wanted && wanted.ensemble === ensemble && !ending
          ? Dependencies.problemOf(ensemble, models)
          : "it is not to be served any more"
        outdated = problem !== undefined
        return problem === undefined
          ? undefined
          : new LoadFailed({ model: ensemble.name, code: "UNAVAILABLE", message: problem })
      },
      committed: Effect.suspend(() => {
        wanted.settled = true
        return ensemble.committed
      })
    }))
    fail(wanted, undefined, undefined)
    wanted.failedWith = undefined
    if (Result.isSuccess(result) || outdated || wanted.ensemble !== ensemble) return
    fail(wanted, result.failure.message, result.failure)
    wanted.failedWith = steps
    ensemble.failed()
  })

  /** What serves counts as well as what is to be served: together they must form no circle. */
  const partsOf = ({ ensemble, id }: Wanted): ReadonlyArray<Wanted> =>
    [ensemble, ...opened.found().flatMap((one) => one.ensemble.id === id ? [one.ensemble] : [])].flatMap((one) =>
      stepsOf(one.config).flatMap((step) => all.get(idOf(one, step) ?? "") ?? [])
    )

  const pass = Effect.gen(function*() {
    for (const { circle, ensemble: wanted } of Dependencies.inOrder(all.values(), partsOf)) {
      if (all.get(wanted.id) !== wanted || wanted.pending) continue
      const problem = circle === undefined
        ? Dependencies.problemOf(wanted.ensemble, models)
        : Dependencies.circular(circle.map(({ ensemble }) => ensemble.name))
      yield* problem === undefined ? bring(wanted) : refuse(wanted, problem)
    }
  })

  yield* Effect.addFinalizer(() =>
    turn.withPermit(Effect.gen(function*() {
      ending = true
      // An ensemble that others consist of goes after them, with its models.
      for (const { ensemble: { id }, version } of opened.found()) yield* lifecycle.unload(id, version)
      yield* opened.drained()
    }))
  )

  const put = (ensemble: Ensemble, isNew: boolean) =>
    void all.set(ensemble.id, {
      id: ensemble.id,
      ensemble,
      pending: isNew,
      settled: !isNew,
      failure: undefined,
      problem: undefined,
      failedWith: undefined
    })

  return {
    want: (ensemble) => put(ensemble, true),
    restore: (ensemble) => put(ensemble, false),
    drop: (id, version) => {
      const known = all.get(id)
      if (known === undefined) return undefined
      const { ensemble } = known
      const versions = version === undefined ? [] : ensemble.versions.filter((other) => other !== version)
      if (versions.length === 0) all.delete(id)
      else known.ensemble = { ...ensemble, versions }
      return ensemble
    },
    wanted: (id) => all.get(id)?.ensemble,
    usersOf: (id) =>
      [...all.values()]
        .filter(({ ensemble }) => stepsOf(ensemble.config).some((step) => idOf(ensemble, step) === id))
        .map(({ ensemble }) => ensemble.name),
    idOf,
    settle: (ids = []) =>
      Effect.suspend(() => {
        for (const id of ids) {
          const wanted = all.get(id)
          if (wanted !== undefined) wanted.pending = false
        }
        return ending || all.size === 0 ? Effect.void : Effect.uninterruptible(turn.withPermit(pass))
      }),
    failureOf: (id) => all.get(id)?.failure
  }
})
