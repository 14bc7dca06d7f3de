/**
 * Takes up changes of the repository while the server runs. A change counts when two listings, some time apart, agree on it; what
 * cannot be listed or read stays as it serves.
 *
 * Source: model-config §1.7 and §1.8.
 */
import { Cause, Duration, Effect, Result } from "effect"
import type { Control } from "./Control.ts"
import type { Discovered, Discovery } from "./Discovery.ts"
import * as Fingerprints from "./Fingerprints.ts"
import type { Parts } from "./ModelLoader.ts"
import type { Record } from "./Records.ts"

/** What the roots hold at one moment. */
interface Listing {
  readonly discovery: Discovery
  /** Models of which the files could be read, with the key of their fingerprint. */
  readonly keys: ReadonlyMap<string, string>
  readonly found: ReadonlyMap<string, Discovered>
}

/** Polls between two tries of a model that fails and does not change. @category constants */
export const maxPause = 64

/** A model that fails is tried again, ever more rarely: its failure is seldom one that goes by itself. */
const isDue = ({ failures }: Record, poll: number): boolean =>
  failures > 0 && poll % Math.min(2 ** failures, maxPause) === 0

/** @category models */
export interface Poller {
  /** Looks once, and takes up what changed. Never fails: what goes wrong is told, once. */
  readonly poll: Effect.Effect<void>
  /** Looks again and again, one poll after the other. */
  readonly run: Effect.Effect<void>
}

/** @category constructors */
export const make = (
  control: Control,
  { ensembles, lifecycle, reasons, records, roots, services, settings, told }: Parts
): Poller => {
  /** Models that could not be read when they were last listed: names by id. */
  const unreadBefore = new Map<string, string>()
  const failing = new Map<string, string>()
  let polls = 0

  /** Nothing of it is traced: it happens all the time. */
  const list = Effect.fnUntraced(function*() {
    const { discovery } = yield* roots.look
    const keys = new Map<string, string>()
    yield* Effect.forEach(
      discovery.models,
      (found) =>
        Effect.flatMap(Effect.result(found.fingerprint), (result) => {
          if (Result.isSuccess(result)) {
            keys.set(found.id, Fingerprints.keyOf(result.success))
            if (unreadBefore.delete(found.id)) reasons.delete(found.name)
            return Effect.void
          }
          unreadBefore.set(found.id, found.name)
          const reason = `Poll failed for model directory '${found.name}': ${result.failure.message}`
          reasons.set(found.name, reason)
          return told.tell({ _tag: "Failed", model: found.name, version: undefined, reason })
        }),
      { concurrency: 8, discard: true }
    )
    const found = new Map(discovery.models.map((found) => [found.id, found]))
    for (const [id, name] of unreadBefore) {
      if (found.has(id)) continue
      unreadBefore.delete(id)
      reasons.delete(name)
      told.renew(name)
    }
    return { discovery, keys, found } satisfies Listing
  }, Effect.withTracerEnabled(false))

  /** Ids of models that a listing shows otherwise than they were last tried. */
  const changes = ({ found, keys }: Listing): ReadonlySet<string> => {
    const ids = new Set<string>()
    for (const [id, key] of keys) {
      const record = records.get(id)
      if (record === undefined || record.key !== key || isDue(record, polls)) ids.add(id)
    }
    for (const { id } of lifecycle.models()) if (!found.has(id)) ids.add(id)
    for (const [id] of records.entries()) if (!found.has(id)) ids.add(id)
    return ids
  }

  const takeUp = Effect.fnUntraced(function*(ids: ReadonlySet<string>, before: Listing, now: Listing) {
    const gone: Array<{ readonly id: string; readonly name: string }> = []
    const changed: Array<Discovered> = []
    const known = new Map(lifecycle.models().map(({ id, name }) => [id, name]))
    for (const id of ids) {
      const found = now.found.get(id)
      if (found !== undefined) {
        if (now.keys.has(id) && now.keys.get(id) === before.keys.get(id)) changed.push(found)
      } else if (!before.found.has(id)) gone.push({ id, name: known.get(id) ?? records.get(id)?.name ?? id })
    }
    // An ensemble that is to consist of other models than those that are gone goes on with them until it does.
    const used = gone.filter(({ id }) => ensembles.usersOf(id).length > 0)
    yield* control.remove(gone.filter((model) => !used.includes(model)))
    yield* control.loadFound(changed.map((found) => ({ found, expected: now.keys.get(found.id) })))
    yield* control.remove(used)
  })

  /** What can be no model: told once, and forgotten when it is over. */
  const tellFailures = Effect.fnUntraced(function*({ failures }: Discovery) {
    const now = new Map(failures.map(({ message, model }) => [model, message]))
    for (const [model, message] of failing) {
      if (now.has(model)) continue
      failing.delete(model)
      if (reasons.get(model) === message) reasons.delete(model)
      told.renew(model)
    }
    for (const [model, reason] of now) {
      failing.set(model, reason)
      reasons.set(model, reason)
      yield* told.tell({ _tag: "Failed", model, version: undefined, reason })
    }
  })

  const look = Effect.gen(function*() {
    polls++
    const first = yield* list()
    const ids = changes(first)
    if (ids.size === 0) return yield* tellFailures(first.discovery)
    yield* Effect.sleep(settings.settleTime)
    const second = yield* list()
    yield* Effect.withSpan(takeUp(ids, first, second), "FileModelRepository.poll")
    yield* tellFailures(second.discovery)
  })

  const poll = look.pipe(
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterrupts(cause),
      (cause) => Effect.logError("a poll of the model repository failed", cause)
    ),
    Effect.provideContext(services)
  )
  return {
    poll,
    run: Duration.isZero(Duration.fromInputUnsafe(settings.pollInterval))
      ? Effect.void
      : Effect.forever(Effect.andThen(poll, Effect.sleep(settings.pollInterval)))
  }
}
