/** The table of models and versions behind the lifecycle: what is loaded, in which state, and what a request finds. */
import { Result, type Scope, type Semaphore } from "effect"
import { codes, InvalidRequest, type LoadFailed, ModelNotFound, ModelNotReady } from "../../../schema/Errors.ts"
import {
  isNotResident,
  type Lookup,
  type Model,
  type NotResident,
  type RolloutStatus,
  type VersionState
} from "../../../services/ModelRepository.ts"
import * as ActiveRollout from "./rollout/ActiveRollout.ts"
import * as Rollouts from "./rollout/RolloutStatus.ts"
import * as SequenceKeepers from "./SequenceKeepers.ts"
import * as Suspended from "./Suspended.ts"
import type { Others } from "./VersionPlan.ts"

/** Reason of a version that was unloaded on purpose; it does not count against readiness. @category models */
export const unloaded = "unloaded"

/** A loaded version and the scope that closes it: first its scheduler, then its instances. @category models */
export interface Loaded {
  readonly model: Model | OnDemand
  readonly scope: Scope.Closeable
  /** What it was loaded from: equal means that loading again would give the same. */
  readonly identity: string
  /** Another one for each load. */
  readonly serial: number
}

/** One version of a model; changes state in place. @category models */
export interface Version {
  readonly version: number
  state: VersionState
  reason: string
  /** What requests get; replaced in one step. */
  current: Loaded | undefined
  /** Predecessors that still close. */
  closing: number
  /** Those of them whose sequences may go on, in the order in which they were replaced. */
  readonly leaving: Set<Model>
  /** Leaves the table once it has closed. */
  gone: boolean
}

/** A version that loads when it is asked for, and may leave again while nobody needs it. @category models */
export interface OnDemand {
  readonly name: string
  readonly version: number
  /** What takes requests now, or how to get it. */
  readonly found: () => Result.Result<Model, NotResident>
  /** Where requests find something else from now on, `listener` is called. */
  readonly observe: (listener: () => void) => void
  /** As the index shows it. */
  readonly status: () => { readonly state: VersionState; readonly reason: string }
}

/** One model with its versions. `lock` serialises its loads and unloads. @category models */
export interface Entry {
  /** `name`, or `‹root›::‹name›` with namespacing. */
  readonly id: string
  readonly name: string
  readonly versions: Map<number, Version>
  readonly lock: Semaphore.Semaphore
  /** Leaves the table with its last version. */
  forgotten: boolean
  /** What requests find under its name; the entry of another root may come in between. */
  readonly lookup: (version: string) => Lookup
  /** How its versions are rolled out; `undefined`: whoever names no version gets the greatest ready one. */
  rollout: ActiveRollout.ActiveRollout | undefined
  /** Ready versions by their decimal text, the one of requests that name none under `""`, and labels. */
  ready: ReadonlyMap<string, Lookup>
  readyVersions: ReadonlyArray<number>
}

/** Reason text of a failed version: the code's name, then the message. @category constructors */
export const reasonOf = (error: Pick<LoadFailed, "code" | "message">): string =>
  `${codes[error.code].prefix}: ${error.message}`

/** Reason beside the state of a ready version whose successor failed. @category constructors */
export const keptServing = (reason: string): string => `serves what was loaded before; loading again failed: ${reason}`

/** Recomputes what requests find of a model. Call after every change of state. @category combinators */
export const publish = (entry: Entry): void => {
  const ready = new Map<string, Lookup>()
  const versions: Array<number> = []
  const keepers = SequenceKeepers.of(entry)
  let newest: Loaded | undefined
  for (const version of [...entry.versions.values()].sort((a, b) => a.version - b.version)) {
    if (version.state !== "READY" || version.current === undefined) continue
    newest = version.current
    ready.set(String(version.version), foundAs(entry, String(version.version), newest, keepers))
    versions.push(version.version)
  }
  if (newest !== undefined) ready.set("", foundAs(entry, "", newest, keepers))
  if (entry.rollout !== undefined) {
    ActiveRollout.publish(entry.rollout, {
      name: entry.name,
      versions,
      found: (key, version) => foundAs(entry, key, entry.versions.get(version)!.current!, keepers),
      lookup: entry.lookup
    }, ready)
  }
  entry.ready = ready
  entry.readyVersions = versions
}

/**
 * What requests will find of a model once these versions are ready, and of the ready ones those that are kept.
 *
 * @category getters
 */
export const preview = (
  entry: Entry,
  opened: ReadonlyMap<number, Loaded>,
  rollout: ActiveRollout.ActiveRollout | undefined,
  { keep }: Pick<Others, "keep">
): (version: string) => Lookup => {
  const versions = new Map<number, Version>()
  const ready = (version: number, current: Loaded) =>
    versions.set(version, { version, state: "READY", reason: "", current, closing: 0, leaving: new Set(), gone: false })
  for (const { current, state, version } of entry.versions.values()) {
    if (state === "READY" && current !== undefined && keep?.(version) === true) ready(version, current)
  }
  for (const [version, loaded] of opened) ready(version, loaded)
  const then = { ...entry, versions, rollout }
  publish(then)
  return (version) => find([then], then.name, version)
}

/** A loaded version as requests find it under `key`, which they may ask for again. */
const foundAs = (entry: Entry, key: string, { model }: Loaded, keepers: ReadonlyArray<Model>): Lookup => {
  const again = () => entry.lookup(key)
  const shadow = entry.rollout?.shadow
  const keeper = SequenceKeepers.finder(keepers, key, again)
  return "found" in model
    ? Result.map(model.found(), (resident) => ({ ...resident, again, shadow, keeper }))
    : Result.succeed({ ...model, again, shadow, keeper })
}

/** What the rollout of a model comes to at this moment. @category getters */
export const rolloutOf = (entry: Entry): RolloutStatus =>
  Rollouts.of(entry.rollout?.rollout, entry.readyVersions, (version) => {
    const found = entry.ready.get(String(version))
    if (found === undefined || Result.isSuccess(found)) return found?.success.statistics
    return isNotResident(found.failure) ? found.failure.statistics() : undefined
  })

/** A loaded version takes requests. One that loads when it is asked for makes no difference to the whole server until then. */
const isHealthy = ({ model }: Loaded): boolean => {
  if (!("found" in model)) return model.healthy()
  const found = model.found()
  return Result.isFailure(found) || found.success.healthy()
}

/** As the index shows a version. @category getters */
export const statusOf = (
  { current, reason, state }: Version
): { readonly state: VersionState; readonly reason: string } =>
  state === "READY" && current !== undefined
    ? "status" in current.model ? current.model.status() : Suspended.statusOf(current.model, { state, reason })
    : { state, reason }

/** `true` when the model has versions, and each is ready and healthy or was unloaded. @category getters */
export const isReady = (entry: Entry): boolean =>
  entry.versions.size > 0 &&
  [...entry.versions.values()].every((version) =>
    version.state === "READY" ? isHealthy(version.current!) : version.reason === unloaded
  )

const badVersion = (text: string): Lookup =>
  Result.fail(
    new InvalidRequest({
      message: `failed to get model version from specified version string '${text}' (details: stol), ` +
        "version should be an integral value > 0"
    })
  )

const maxVersion = 2n ** 63n - 1n
const maxDigits = String(maxVersion).length

// Source of the texts: protocol §1.4 and §9.2. A version is read as Triton does, by its prefix.
const findSlow = (entry: Entry, text: string): Lookup => {
  const name = entry.name
  if (text === "") {
    return Result.fail(
      new ModelNotFound({ message: `Request for unknown model: '${name}' has no available versions` })
    )
  }
  const [, sign, digits] = /^[ \t\n\v\f\r]*([+-]?)0*(\d+)/.exec(text) ?? []
  // Reading very many digits takes seconds, and anybody may send them.
  if (digits === undefined || digits.length > maxDigits) return badVersion(text)
  const parsed = BigInt(sign === "-" ? `-${digits}` : digits)
  if (parsed > maxVersion || parsed < -maxVersion - 1n) return badVersion(text)
  if (parsed < 0n) {
    return Result.fail(
      new InvalidRequest({
        message: `invalid model version specified '${text}' , version should be an integral value > 0`
      })
    )
  }
  const ready = entry.ready.get(String(parsed))
  if (ready !== undefined) return ready
  const known = entry.versions.has(Number(parsed)) && Number.isSafeInteger(Number(parsed))
  return Result.fail(
    known
      ? new ModelNotReady({
        message: `Request for unknown model: '${name}' version ${parsed} is not at ready state`
      })
      : new ModelNotFound({ message: `Request for unknown model: '${name}' version ${parsed} is not found` })
  )
}

/**
 * What a request finds among the models of a name; a ready version is found without any work.
 *
 * Source: model-config §1.6 and §1.12.
 *
 * @category getters
 */
export const find = (named: ReadonlyArray<Entry> | undefined, name: string, version: string): Lookup => {
  if (named === undefined) {
    return Result.fail(new ModelNotFound({ message: `Request for unknown model: '${name}' is not found` }))
  }
  if (named.length > 1) {
    return Result.fail(
      new InvalidRequest({
        message: `There are ${named.length} identifiers of model '${name}' in global map, ` +
          "model namespace must be provided to resolve ambiguity."
      })
    )
  }
  return named[0]!.ready.get(version) ?? findSlow(named[0]!, version)
}
