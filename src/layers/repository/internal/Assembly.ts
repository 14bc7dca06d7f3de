/** Puts together what keeps the models of a file repository. */
import { Effect, type Scope } from "effect"
import type { LoadEvent } from "../../../services/ModelRepository.ts"
import type { RepositorySource } from "../../../services/RepositorySource.ts"
import * as Control from "./Control.ts"
import * as Ensembles from "./ensemble/Ensembles.ts"
import * as Lifecycle from "./Lifecycle.ts"
import type { Parts } from "./ModelLoader.ts"
import * as OpenVersion from "./OpenVersion.ts"
import { Records } from "./Records.ts"
import type { Settings } from "./RepositoryOptions.ts"
import * as FirstSession from "./residency/FirstSession.ts"
import * as Residency from "./residency/Residency.ts"
import * as Roots from "./Roots.ts"
import * as Told from "./Told.ts"

/** @category models */
export interface Assembly {
  readonly parts: Parts
  readonly control: Control.Control
}

/** Nothing is loaded yet. The scope unloads everything, waiting for accepted work. @category constructors */
export const make = Effect.fnUntraced(function*(
  settings: Settings,
  onEvent: (event: LoadEvent) => Effect.Effect<void> = settings.onEvent
): Effect.fn.Return<Assembly, never, OpenVersion.Services | RepositorySource | Scope.Scope> {
  // Only polling meets the same failure again and again.
  const told = Told.make(onEvent, settings.controlMode === "poll")
  const records = new Records()
  yield* Effect.addFinalizer(() => records.close)
  if (settings.residency !== undefined) yield* FirstSession.open
  const residency = settings.residency === undefined
    ? undefined
    : yield* Residency.make({ ...settings.residency, loadRetryCount: settings.loadRetryCount })
  const services = yield* OpenVersion.services
  const roots = yield* Roots.make({ ...settings, onEvent })
  const lifecycle = yield* Lifecycle.make({ ...settings, onEvent: told.tell })
  const reasons = new Map<string, string>()
  const ensembles = yield* Ensembles.make({
    lifecycle,
    services,
    unread: (name) => reasons.get(name),
    isAmbiguous: (name) => roots.latest().discovery.ambiguous.includes(name),
    names: () => roots.latest().discovery.models.map(({ name }) => name),
    maxWaiting: settings.residency?.maxWaiting,
    maxQueueSize: settings.maxQueueSize
  })
  const parts: Parts = { settings, residency, services, roots, lifecycle, ensembles, records, reasons, told }
  return { parts, control: Control.make(parts) }
})
