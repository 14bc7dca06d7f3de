/**
 * The time between the decision to end and the end: the server is not ready any more and asks its clients to go elsewhere, and
 * still serves whoever has not noticed.
 *
 * Upstream: whoever ends the server begins it. Downstream: readiness and front ends.
 */
import { Context, Effect, type Scope } from "effect"

/** @category models */
export interface DepartureState {
  /** It has begun. */
  readonly begun: () => boolean
  /** Begins it, for good. */
  readonly begin: Effect.Effect<void>
  /** Calls back once when it begins, while the scope is open; at once where it has begun. */
  readonly watch: (watcher: () => void) => Effect.Effect<void, never, Scope.Scope>
  /** From now on nobody is served any more whose request has not come. */
  readonly end: Effect.Effect<void>
  /** As `watch`, of the end. */
  readonly watchEnd: (watcher: () => void) => Effect.Effect<void, never, Scope.Scope>
}

/** Something that happens once, and those who wait for it. */
const makeMoment = () => {
  const watchers = new Set<() => void>()
  let passed = false
  return {
    passed: () => passed,
    pass: Effect.sync(() => {
      if (passed) return
      passed = true
      for (const watcher of watchers) watcher()
      watchers.clear()
    }),
    watch: (watcher: () => void) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          if (passed) watcher()
          else watchers.add(watcher)
        }),
        () => Effect.sync(() => watchers.delete(watcher))
      )
  }
}

/** One that has not begun. @category constructors */
export const make = (): DepartureState => {
  const begin = makeMoment()
  const end = makeMoment()
  return { begun: begin.passed, begin: begin.pass, watch: begin.watch, end: end.pass, watchEnd: end.watch }
}

/** Without one of its own a server never departs: it goes from ready to its end. @category services */
export const Departure: Context.Reference<DepartureState> = Context.Reference<DepartureState>(
  "galatea/services/Departure",
  {
    defaultValue: () => ({
      begun: () => false,
      begin: Effect.void,
      watch: () => Effect.void,
      end: Effect.void,
      watchEnd: () => Effect.void
    })
  }
)
