/**
 * Brings a model to what its folder, or an override, holds: opens what is new or changed, keeps what is not, and remembers
 * what came of it.
 */
import { type Context, Effect, Result, type Scope } from "effect"
import { LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import * as ModelSignature from "../../../schema/ModelSignature.ts"
import type { LoadEvent, Model } from "../../../services/ModelRepository.ts"
import type { Discovered, Located } from "./Discovery.ts"
import * as EnsembleConfig from "./ensemble/EnsembleConfig.ts"
import type { Ensembles } from "./ensemble/Ensembles.ts"
import * as Fingerprints from "./Fingerprints.ts"
import * as Identity from "./Identity.ts"
import type * as Lifecycle from "./Lifecycle.ts"
import type { OnDemand } from "./LifecycleState.ts"
import * as OpenVersion from "./OpenVersion.ts"
import type { Folder, Override } from "./Overrides.ts"
import * as PollModel from "./PollModel.ts"
import * as PrepareVersion from "./PrepareVersion.ts"
import type { Records } from "./Records.ts"
import type { Settings } from "./RepositoryOptions.ts"
import * as KeptPreparation from "./residency/KeptPreparation.ts"
import * as OnDemandVersion from "./residency/OnDemandVersion.ts"
import type { Residency } from "./residency/Residency.ts"
import type { Roots } from "./Roots.ts"
import * as SteadyFiles from "./SteadyFiles.ts"
import * as Suspended from "./Suspended.ts"
import type { Told } from "./Told.ts"
import * as VersionSpan from "./VersionSpan.ts"

/** A model to load. @category models */
export interface Target {
  readonly id: string
  readonly name: string
  /** Where the repository holds it; `undefined` for one that exists only by an override. */
  readonly found: Discovered | undefined
}

/** @category models */
export interface Wanted {
  /** New with this load. Where there is none, the one in force goes on until what it stands for changes on disk. */
  readonly override?: Override | undefined
  /** This version alone; the others stay as they are. */
  readonly version?: number | undefined
  /** Somebody has asked for the model: load it, also where models wait until they are used. */
  readonly now?: boolean | undefined
  /** Do nothing where the folder's fingerprint is another by now. */
  readonly expected?: string | undefined
}

/** @category models */
export interface Parts {
  readonly settings: Settings
  readonly services: Context.Context<OpenVersion.Services>
  readonly roots: Roots
  readonly lifecycle: Lifecycle.Lifecycle
  readonly ensembles: Ensembles
  /** Where models load when they are used. */
  readonly residency: Residency | undefined
  readonly records: Records
  /** Why models failed before any version of theirs was tried, by name. */
  readonly reasons: Map<string, string>
  readonly told: Told
}

/** Whoever loads holds the lock of the model. @category models */
export interface ModelLoader {
  /**
   * Loads a model. An ensemble is read and checked by itself, and wanted from then on: what it consists of is to be loaded next.
   *
   * Errors: those of the load API, after they were told.
   */
  readonly load: (target: Target, wanted: Wanted) => Effect.Effect<void, PollFailed | LoadFailed>
  /** Tells why a model failed before any version was tried; gives the error of the load API. */
  readonly refused: (target: Target, reason: string) => Effect.Effect<PollFailed>
}

const nothing: Fingerprints.Fingerprint = new Map()

/** What of the folder in the repository an override stands for. */
const standsFor = ({ folder }: Override, disk: Fingerprints.Fingerprint): string =>
  folder === undefined ? Identity.ofConfig(disk) : Fingerprints.keyOf(disk)

const none = (name: string, reason: string) =>
  new LoadFailed({
    model: name,
    code: "INTERNAL",
    message: `failed to load '${name}', no version is available\n${reason}`
  })

/** @category constructors */
export const make = (
  { ensembles, lifecycle, reasons, records, residency, services, settings, told }: Parts
): ModelLoader => {
  /** Models are not looked at again in this mode, so nothing is compared. */
  const compares = settings.controlMode !== "none"

  const tell = (target: Target, reason: string) => {
    // A name that only a caller knows of must not stay behind.
    if (target.found !== undefined || lifecycle.identities(target.id).size > 0) reasons.set(target.name, reason)
    const event: LoadEvent = { _tag: "Failed", model: target.name, version: undefined, reason }
    return told.tell(event)
  }

  const refused = (target: Target, reason: string) =>
    Effect.as(
      tell(target, `Poll failed for model directory '${target.name}': ${reason}`),
      new PollFailed({
        code: "INTERNAL",
        message: `failed to load '${target.name}', failed to poll from model repository\n${reason}`
      })
    )

  /** A model in the files that came with its load. */
  const placed = ({ found, id, name }: Target, { directory, hold }: Folder): Discovered => {
    const located: Located = { id, name, root: found?.root ?? "", directory, file: undefined, place: "request" }
    return {
      ...located,
      fingerprint: Effect.provideContext(Fingerprints.ofFolder(directory), services),
      open: Effect.as(hold, located)
    }
  }

  const choose = Effect.fnUntraced(function*(target: Target, polled: PollModel.Polled, only: number | undefined) {
    const { name } = target
    if (only === undefined) {
      return yield* PollModel.chooseVersions(polled, warner(name)).pipe(
        Effect.tapError(({ message }) => tell(target, `failed to load model '${name}': ${message}`)),
        Effect.mapError(({ message }) => none(name, message))
      )
    }
    if (polled.available.includes(only)) return [only]
    const held = polled.available.length === 0 ? "none" : polled.available.slice(0, 32).join(", ")
    return yield* none(name, `version ${only} is not in the repository, which holds ${held}`)
  })

  const warner = (model: string): PollModel.Warn => {
    const warned = new Set<string>()
    return (message) => {
      if (warned.has(message)) return Effect.void
      warned.add(message)
      return told.tell({ _tag: "Warning", model, message })
    }
  }

  const load = Effect.fn("ModelLoader.load")(function*(target: Target, wanted: Wanted) {
    const { found, id, name } = target
    const failed = ({ message }: PollFailed) => Effect.flatMap(refused(target, message), Effect.fail)
    const disk = found === undefined || !compares
      ? nothing
      : yield* found.fingerprint.pipe(Effect.catch(failed))
    const key = Fingerprints.keyOf(disk)
    if (wanted.expected !== undefined && wanted.expected !== key) return
    if (records.get(id)?.key !== key) told.renew(name)
    const kept = records.get(id)?.kept
    const override = wanted.override ??
      (kept !== undefined && kept.disk === standsFor(kept.override, disk) ? kept.override : undefined)
    const folder = override?.folder
    const place = folder === undefined ? found! : placed(target, folder)

    yield* Effect.gen(function*() {
      const prints = folder === undefined ? disk : yield* place.fingerprint.pipe(Effect.catch(failed))
      const warn = warner(name)
      const { ensemble, polled } = yield* Effect.scoped(
        Effect.flatMap(place.open, (here) => EnsembleConfig.read(here, settings, warn, override?.config))
      ).pipe(Effect.catch(failed))
      reasons.delete(name)
      lifecycle.register(target)
      const chosen = yield* choose(target, polled, wanted.version)
      const identityOf = Identity.make(polled.config, polled.available, prints)
      const committed = records.succeed(
        target,
        key,
        override === undefined ? undefined : { override, disk: standsFor(override, disk) }
      )
      const exists = (version: number) => polled.available.includes(version)
      if (ensemble !== undefined) {
        const home = settings.modelNamespacing ? place.root : undefined
        const { config, labels } = yield* EnsembleConfig.checked(lifecycle, target, ensemble, chosen)
        return ensembles.want({
          id,
          name,
          home,
          config,
          labels,
          signature: ModelSignature.make(config, labels),
          versions: wanted.version === undefined
            ? chosen
            : [...new Set([...ensembles.wanted(id)?.versions ?? [], ...chosen])],
          identity: identityOf,
          exists,
          rollout: polled.rollout?.rollout,
          // What goes wrong with it after this is told again.
          committed: Effect.andThen(Effect.sync(() => told.renew(name)), committed),
          failed: () => records.fail(target, key)
        })
      }
      const serving = lifecycle.identities(id)
      // Whoever asks for a version whose instances are not started any more gets new ones.
      const isSuspended = (version: number) => {
        const model = wanted.now === true ? lifecycle.serving(id, version) : undefined
        return model !== undefined && Suspended.isSuspended(model)
      }
      const stale = chosen.filter((version) => serving.get(version) !== identityOf(version) || isSuspended(version))
      const openNow = (version: number) => {
        const prepare = residency === undefined ? PrepareVersion.open : KeptPreparation.make
        const opened = Effect.flatMap(
          prepare(place, polled, version, settings.backendConfig, warn),
          (prepared) => OpenVersion.open(prepared, settings.modelNamespacing ? place.root : undefined)
        )
        return VersionSpan.load(name, version)(SteadyFiles.during(place, version, opened))
      }
      const open = (
        version: number
      ): Effect.Effect<Model | OnDemand, LoadFailed, OpenVersion.Services | Scope.Scope> =>
        residency === undefined
          ? openNow(version)
          // Another load may end the override while this version is known and not in memory.
          : Effect.andThen(
            folder?.hold ?? Effect.void,
            OnDemandVersion.open(residency, {
              place,
              version,
              open: openNow(version),
              now: wanted.now === true || Result.isSuccess(lifecycle.lookup(name, String(version)))
            })
          )
      yield* lifecycle.load(
        target,
        stale.map((version) => ({ version, identity: identityOf(version), open: provide(open(version)) })),
        polled.rollout?.rollout,
        {
          keep: (version) =>
            (wanted.version !== undefined && version !== wanted.version) ||
            (chosen.includes(version) && !stale.includes(version)),
          exists,
          committed: Effect.andThen(Effect.sync(() => ensembles.drop(id)), committed)
        }
      )
    }).pipe(
      Effect.tapError(() => Effect.sync(() => records.fail(target, key)))
    )
  })

  /** Nothing but the services of a load, and the scope of the version. */
  const provide = <A, E>(effect: Effect.Effect<A, E, OpenVersion.Services | Scope.Scope>) =>
    Effect.provideContext(effect, services)

  return { load: (target, wanted) => Effect.provideContext(load(target, wanted), services), refused }
}
