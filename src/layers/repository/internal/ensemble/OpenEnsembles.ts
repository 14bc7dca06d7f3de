/** The versions of ensembles that are open, and what becomes of them when models that they consist of change. */
import { Deferred, Effect, Exit } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { Model } from "../../../../services/ModelRepository.ts"
import type { Affected, Change, Watcher } from "../Leaving.ts"
import type { Lifecycle } from "../Lifecycle.ts"
import { type OnDemand, reasonOf } from "../LifecycleState.ts"
import * as Dependencies from "./Dependencies.ts"
import type { Ensemble } from "./Ensemble.ts"
import type { HeldSteps } from "./HeldSteps.ts"

/** An open version, also while it finishes its requests. @category models */
export interface Opened {
  readonly ensemble: Ensemble
  readonly version: number
  readonly held: HeldSteps
  readonly closed: Deferred.Deferred<void>
  /** As the lifecycle has it; `undefined` while it opens. */
  model: Model | OnDemand | undefined
}

/** The reason of an ensemble that cannot be served. @category constructors */
export const reasonFor = (model: string, message: string): string =>
  reasonOf(new LoadFailed({ model, code: "INVALID_ARG", message }))

/** @category models */
export class OpenEnsembles implements Watcher {
  private readonly lifecycle: Lifecycle
  private readonly models: Dependencies.Models
  private readonly all = new Set<Opened>()

  constructor(lifecycle: Lifecycle, models: Dependencies.Models) {
    this.lifecycle = lifecycle
    this.models = models
  }

  /** Registers a version until the scope closes, which is when everything that is opened in it later has closed. */
  add(ensemble: Ensemble, version: number, held: HeldSteps) {
    return Effect.acquireRelease(
      Effect.sync((): Opened => {
        const opened = { ensemble, version, held, closed: Deferred.makeUnsafe<void>(), model: undefined }
        this.all.add(opened)
        return opened
      }),
      (opened) =>
        Effect.sync(() => {
          this.all.delete(opened)
          Deferred.doneUnsafe(opened.closed, Exit.void)
        })
    )
  }

  /** Open versions that requests find and that cannot go on as things are. */
  broken(id: string): ReadonlyArray<Affected> {
    return this.cannotGoOn((opened) => opened.ensemble.id === id, this.models)
  }

  /** Open versions that requests find. */
  found(): ReadonlyArray<Opened> {
    return [...this.all].filter((opened) => this.isFound(opened))
  }

  /** Done when none is open any more. */
  drained(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const [first] = this.all
      return first === undefined ? Effect.void : Effect.andThen(Deferred.await(first.closed), this.drained())
    })
  }

  affected(change: Change): ReadonlyArray<Affected> {
    return this.cannotGoOn(({ held }) => held.uses(change.id), this.after(change))
  }

  release(change: Change): Effect.Effect<void> {
    const models = this.after(change)
    const holders: Array<Opened> = []
    for (const opened of this.all) {
      if (!opened.held.uses(change.id)) continue
      if (Dependencies.problemOf(opened.ensemble, models) !== undefined) opened.held.hold()
      if (opened.held.isHeld()) holders.push(opened)
    }
    if (holders.length === 0) return Effect.void
    // Those that have closed say so before what they needed does.
    return Effect.andThen(
      Effect.forEach(holders, ({ closed }) => Deferred.await(closed), { discard: true }),
      Effect.yieldNow
    )
  }

  private cannotGoOn(
    concerns: (opened: Opened) => boolean,
    models: Dependencies.Models
  ): ReadonlyArray<Affected> {
    const affected: Array<Affected> = []
    for (const opened of this.all) {
      if (!concerns(opened) || !this.isFound(opened)) continue
      const { ensemble: { id, name }, version } = opened
      const problem = Dependencies.problemOf(opened.ensemble, models)
      if (problem !== undefined) affected.push({ id, version, reason: reasonFor(name, problem) })
    }
    return affected
  }

  private isFound({ ensemble, model, version }: Opened): boolean {
    return model !== undefined && this.lifecycle.serving(ensemble.id, version) === model
  }

  /** Models as they will be. */
  private after({ after, id }: Change): Dependencies.Models {
    const { models } = this
    return { ...models, find: (other, version) => other === id ? after(version) : models.find(other, version) }
  }
}
