/**
 * What the steps of one open ensemble find. Once it has left the look-up it keeps the models that it had: they may be leaving too, and
 * stay open until its requests are done.
 */
import { Result } from "effect"
import { isHealthy, isNotResident, type Lookup, type Model } from "../../../../services/ModelRepository.ts"
import type { Lifecycle } from "../Lifecycle.ts"
import type { Step } from "./Ensemble.ts"

/** A model as one or several steps name it. */
interface Place {
  readonly id: string
  readonly version: string
  /** What was found last, and the same as steps get it. */
  found: Lookup | undefined
  given: Lookup
  /** What is found from now on. */
  held: (() => Lookup) | undefined
}

/** @category models */
export class HeldSteps {
  private readonly lifecycle: Pick<Lifecycle, "find" | "serving">
  private readonly steps: ReadonlyArray<Step>
  /** By name, then version. */
  private readonly places = new Map<string, Map<string, Place>>()

  /** `ids`: of the model that each name means. */
  constructor(
    lifecycle: Pick<Lifecycle, "find" | "serving">,
    steps: ReadonlyArray<Step>,
    ids: ReadonlyMap<string, string>
  ) {
    this.lifecycle = lifecycle
    this.steps = steps
    for (const { name, version } of steps) {
      const versions = this.places.get(name) ?? new Map<string, Place>()
      const id = ids.get(name) ?? name
      const found = lifecycle.find(id, version)
      versions.set(version, { id, version, found: undefined, given: found, held: undefined })
      this.places.set(name, versions)
    }
  }

  /** Asked once per step and request: plain and fast. */
  readonly lookup = (name: string, version: string): Lookup => {
    const place = this.places.get(name)?.get(version)
    return place === undefined ? this.lifecycle.find(name, version) : this.ask(place)
  }

  uses(id: string): boolean {
    for (const versions of this.places.values()) {
      for (const place of versions.values()) if (place.id === id) return true
    }
    return false
  }

  isHeld(): boolean {
    for (const versions of this.places.values()) {
      for (const { held } of versions.values()) return held !== undefined
    }
    return false
  }

  /** Every step takes requests. */
  readonly healthy = (): boolean =>
    this.steps.every(({ name, version }) => Result.getOrElse(isHealthy(this.lookup(name, version)), () => false))

  /** Keeps what is found now. */
  hold(): void {
    if (this.isHeld()) return
    for (const versions of this.places.values()) {
      for (const place of versions.values()) place.held = this.keep(place, this.ask(place))
    }
  }

  private ask(place: Place): Lookup {
    if (place.held !== undefined) return place.held()
    const found = this.lifecycle.find(place.id, place.version)
    if (found !== place.found) {
      place.found = found
      place.given = this.within(place, found, () => this.ask(place))
    }
    return place.given
  }

  /** Whoever asks again for what was found asks here: others may not find it any more when this still holds it. */
  private within(place: Place, found: Lookup, again: () => Lookup): Lookup {
    if (Result.isFailure(found)) return found
    const { route } = found.success
    const given: Model = { ...found.success, again }
    return Result.succeed(
      route === undefined ? given : {
        ...given,
        route: (request) => {
          const target = route(request)
          const ask = (): Lookup => {
            const found = target()
            const isLost = Result.isFailure(found) && !isNotResident(found.failure)
            return isLost && place.held !== undefined ? place.held() : this.within(place, found, ask)
          }
          return ask
        }
      }
    )
  }

  private keep({ id }: Place, found: Lookup): () => Lookup {
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
