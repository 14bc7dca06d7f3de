/** The table of models and versions behind the lifecycle: what is loaded, in which state, and what a request finds. */
import { Result, type Scope, type Semaphore } from "effect"
import { codes, InvalidRequest, type LoadFailed, ModelNotFound, ModelNotReady } from "../../../schema/Errors.ts"
import type { Model, VersionState } from "../../../services/ModelRepository.ts"
import * as ActiveRollout from "./rollout/ActiveRollout.ts"

/** Reason of a version that was unloaded on purpose; it does not count against readiness. @category models */
export const unloaded = "unloaded"

/** A loaded version and the scope that closes it: first its scheduler, then its instances. @category models */
export interface Loaded {
  readonly model: Model
  readonly scope: Scope.Closeable
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
}

/** What a request finds under a name and version. @category models */
export type Found = Result.Result<Model, ModelNotFound | ModelNotReady | InvalidRequest>

/** One model with its versions. `lock` serialises its loads and unloads. @category models */
export interface Entry {
  /** `name`, or `‹root›::‹name›` with namespacing. */
  readonly id: string
  readonly name: string
  readonly versions: Map<number, Version>
  readonly lock: Semaphore.Semaphore
  /** How its versions are rolled out; `undefined`: whoever names no version gets the greatest ready one. */
  rollout: ActiveRollout.ActiveRollout | undefined
  /** Ready versions by their decimal text, the one of requests that name none under `""`, and labels. */
  ready: ReadonlyMap<string, Found>
  readyVersions: ReadonlyArray<number>
}

/** Reason text of a failed version: the code's name, then the message. @category constructors */
export const reasonOf = (error: LoadFailed): string => `${codes[error.code].prefix}: ${error.message}`

/** Recomputes what requests find of a model. Call after every change of state. @category combinators */
export const publish = (entry: Entry): void => {
  const ready = new Map<string, Found>()
  const models: Array<Model> = []
  for (const version of [...entry.versions.values()].sort((a, b) => a.version - b.version)) {
    if (version.state !== "READY" || version.current === undefined) continue
    const found = Result.succeed(version.current.model)
    ready.set(String(version.version), found)
    ready.set("", found)
    models.push(version.current.model)
  }
  if (entry.rollout !== undefined) ActiveRollout.publish(entry.rollout, entry.name, models, ready)
  entry.ready = ready
  entry.readyVersions = models.map(({ version }) => version)
}

/** `true` when the model has versions, and each is ready and healthy or was unloaded. @category getters */
export const isReady = (entry: Entry): boolean =>
  entry.versions.size > 0 &&
  [...entry.versions.values()].every((version) =>
    version.state === "READY" ? version.current!.model.healthy() : version.reason === unloaded
  )

const badVersion = (text: string): Found =>
  Result.fail(
    new InvalidRequest({
      message: `failed to get model version from specified version string '${text}' (details: stol), ` +
        "version should be an integral value > 0"
    })
  )

const maxVersion = 2n ** 63n - 1n

// Source of the texts: protocol §1.4 and §9.2. A version is read as Triton does, by its prefix.
const findSlow = (entry: Entry, text: string): Found => {
  const name = entry.name
  if (text === "") {
    return Result.fail(
      new ModelNotFound({ message: `Request for unknown model: '${name}' has no available versions` })
    )
  }
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1]
  if (digits === undefined) return badVersion(text)
  const parsed = BigInt(digits.startsWith("+") ? digits.slice(1) : digits)
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
export const find = (named: ReadonlyArray<Entry> | undefined, name: string, version: string): Found => {
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
