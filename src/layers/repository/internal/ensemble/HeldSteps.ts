/**
 * What the steps of one open ensemble find. Once it has left the look-up it keeps the models that it had: they may be leaving too, and
 * stay open until its requests are done.
 */
import { Result } from "effect"
import { isHealthy, isNotResident, type Lookup } from "../../../../services/ModelRepository.ts"
import type { Lifecycle } from "../Lifecycle.ts"
import type { Step } from "./Ensemble.ts"

/** @category models */
export class HeldSteps {
  private readonly lifecycle: Pick<Lifecycle, "find" | "serving">
  private readonly ids: ReadonlyMap<string, string>
  private readonly steps: ReadonlyArray<Step>
  /** By name, then version. */
  private held: ReadonlyMap<string, ReadonlyMap<string, () => Lookup>> | undefined

  /** `ids`: of the model that each name means. */
  constructor(
    lifecycle: Pick<Lifecycle, "find" | "serving">,
    steps: ReadonlyArray<Step>,
    ids: ReadonlyMap<string, string>
  ) {
    this.lifecycle = lifecycle
    this.steps = steps
    this.ids = ids
  }

  /** Asked once per step and request: plain and fast. */
  readonly lookup = (name: string, version: string): Lookup =>
    this.held === undefined ? this.now(name, version) : this.held.get(name)?.get(version)?.() ?? this.now(name, version)

  uses(id: string): boolean {
    for (const used of this.ids.values()) if (used === id) return true
    return false
  }

  isHeld(): boolean {
    return this.held !== undefined
  }

  /** Every step takes requests. */
  readonly healthy = (): boolean =>
    this.steps.every(({ name, version }) => Result.getOrElse(isHealthy(this.lookup(name, version)), () => false))

  /** Keeps what is found now. */
  hold(): void {
    if (this.held !== undefined) return
    const held = new Map<string, Map<string, () => Lookup>>()
    for (const { name, version } of this.steps) {
      const versions = held.get(name) ?? new Map<string, () => Lookup>()
      held.set(name, versions.set(version, this.keep(this.ids.get(name) ?? name, this.now(name, version))))
    }
    this.held = held
  }

  private now(name: string, version: string): Lookup {
    const id = this.ids.get(name) ?? name
    const found = this.lifecycle.find(id, version)
    // Without this it would be looked up again by a name that may be several models'.
    return id === name || Result.isFailure(found)
      ? found
      : Result.succeed({ ...found.success, again: () => this.lookup(name, version) })
  }

  private keep(id: string, found: Lookup): () => Lookup {
    const version = Result.isSuccess(found)
      ? found.success.version
      : isNotResident(found.failure)
      ? found.failure.version
      : undefined
    const model = version === undefined ? undefined : this.lifecycle.serving(id, version)
    if (model === undefined || !("found" in model)) return () => found
    const again = (): Lookup => Result.map(model.found(), (resident) => ({ ...resident, again }))
    return again
  }
}
